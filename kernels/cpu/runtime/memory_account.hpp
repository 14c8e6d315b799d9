// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "idl/memory.hpp"

namespace idl::cpu {

/// What a backend counts of its memory, in whichever thread it is taken or given back.
class MemoryAccount {
 public:
  void add(std::size_t bytes) noexcept;
  void remove(std::size_t bytes) noexcept { bytes_in_use_.fetch_sub(bytes); }
  MemoryStatistics statistics() const noexcept {
    return {.allocations = allocations_, .bytes_in_use = bytes_in_use_, .peak_bytes = peak_bytes_};
  }

  /// That of the Scope in which this thread is; empty outside.
  static std::shared_ptr<MemoryAccount> of_scope();
  /// While it lives, working memory that is made in this thread is counted by this account, for as
  /// long as the memory lives.
  class Scope {
   public:
    explicit Scope(std::shared_ptr<MemoryAccount> account);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    std::shared_ptr<MemoryAccount> before_;
  };

 private:
  std::atomic<std::size_t> allocations_{0};
  std::atomic<std::size_t> bytes_in_use_{0};
  std::atomic<std::size_t> peak_bytes_{0};
};

}  // namespace idl::cpu
