// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {

/// Whole cache lines, which no other thread writes to.
template <class Value>
struct LineAllocator {
  using value_type = Value;
  LineAllocator() = default;
  template <class Other>
  LineAllocator(const LineAllocator<Other>&) {}

  Value* allocate(std::size_t count) {
    return static_cast<Value*>(::operator new(whole_lines(count), k_line));
  }
  void deallocate(Value* data, std::size_t) noexcept { ::operator delete(data, k_line); }
  template <class Other>
  bool operator==(const LineAllocator<Other>&) const {
    return true;
  }

 private:
  static constexpr std::align_val_t k_line{k_cache_line};
  static std::size_t whole_lines(std::size_t count) {
    return (count * sizeof(Value) + k_cache_line - 1) / k_cache_line * k_cache_line;
  }
};
template <class Value>
using Lines = std::vector<Value, LineAllocator<Value>>;

}  // namespace idl::cpu
