// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace cub {

/// CUB's stable sort of pairs by the bits [begin_bit, end_bit) of non-negative keys.
struct DeviceRadixSort {
  template <class Key, class Value, class Count>
  static cudaError_t SortPairs(void* temporary, std::size_t& temporary_bytes, const Key* keys,
                               Key* sorted_keys, const Value* values, Value* sorted_values,
                               Count count, int begin_bit, int end_bit, cudaStream_t) {
    if (temporary == nullptr) {
      temporary_bytes = 1;
      return cudaSuccess;
    }
    const auto digits = [=](Key key) {
      return (static_cast<std::uint64_t>(key) >> begin_bit) &
             ((std::uint64_t{1} << (end_bit - begin_bit)) - 1U);
    };
    std::vector<std::size_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return digits(keys[a]) < digits(keys[b]);
    });
    for (std::size_t i = 0; i < order.size(); ++i) {
      sorted_keys[i] = keys[order[i]];
      sorted_values[i] = values[order[i]];
    }
    return cudaSuccess;
  }
};

}  // namespace cub
