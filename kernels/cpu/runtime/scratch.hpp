// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "kernels/cpu/runtime/memory_account.hpp"

namespace idl::cpu {

/// Working memory of a backend's primitives: grows to the largest request and is kept, so that
/// running the same shapes again allocates nothing. One request is alive at a time.
class Scratch {
 public:
  /// Counted by the MemoryAccount of the scope in which it is made.
  Scratch() : Scratch(MemoryAccount::of_scope()) {}
  explicit Scratch(std::shared_ptr<MemoryAccount> account) : account_(std::move(account)) {}
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// Room for `count` elements, aligned to 256 bytes, uninitialised; the room given before ends.
  /// @throws OutOfMemory
  template <class T>
  T* take(std::size_t count) {
    return static_cast<T*>(take_bytes(count * sizeof(T)));
  }

  /// That of a primitive which is a part of the one at hand.
  Scratch& inner() {
    if (!inner_) inner_ = std::make_unique<Scratch>(account_);
    return *inner_;
  }

 private:
  void* take_bytes(std::size_t bytes);

  void release();

  std::shared_ptr<MemoryAccount> account_;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::unique_ptr<Scratch> inner_;
};

}  // namespace idl::cpu
