// SPDX-License-Identifier: MIT
#include "kernels/cpu/runtime/memory_account.hpp"

#include <utility>

namespace idl::cpu {
namespace {

std::shared_ptr<MemoryAccount>& account_of_thread() {
  thread_local std::shared_ptr<MemoryAccount> account;
  return account;
}

}  // namespace

void MemoryAccount::add(std::size_t bytes) noexcept {
  allocations_.fetch_add(1);
  const std::size_t in_use = bytes_in_use_.fetch_add(bytes) + bytes;
  std::size_t peak = peak_bytes_;
  while (peak < in_use && !peak_bytes_.compare_exchange_weak(peak, in_use)) {
  }
}

std::shared_ptr<MemoryAccount> MemoryAccount::of_scope() { return account_of_thread(); }

MemoryAccount::Scope::Scope(std::shared_ptr<MemoryAccount> account)
    : before_(std::exchange(account_of_thread(), std::move(account))) {}

MemoryAccount::Scope::~Scope() { account_of_thread() = std::move(before_); }

}  // namespace idl::cpu
