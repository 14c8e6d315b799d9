// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "tests/simt/shared_cell.hpp"

/// Takes the place of idl/cuda/device/shared.cuh in the emulation.
namespace idl::cuda {

template <class T, int N>
struct SharedArray {
  T elements[N];
  simt::History histories[N];
  std::uint64_t block;

  simt::SharedCell<T> operator[](long long index) {
    if (index < 0 || index >= N) simt::fail_outside(index, N);
    const std::uint64_t running = simt::now().block;
    if (block != running) {
      block = running;
      simt::claim_static_shared(sizeof elements);
    }
    return {elements[index], &histories[index], 1};
  }
};

template <class T>
class DynamicShared {
 public:
  explicit DynamicShared(std::size_t offset = 0) : offset_(offset) {
    if (offset % alignof(T) != 0)
      throw simt::Fault("dynamic shared memory is used from byte " + std::to_string(offset) +
                        " on, which is not aligned");
  }
  template <class Other>
  explicit DynamicShared(const DynamicShared<Other>& part, std::size_t offset = 0)
      : DynamicShared(part.offset_ + offset) {}

  simt::SharedCell<T> operator[](long long index) const {
    return cell(simt::dynamic_shared(), index);
  }
  /// The element of block `rank` of the cluster.
  simt::SharedCell<T> in_block(unsigned rank, long long index) const {
    return cell(simt::dynamic_shared_of(rank), index);
  }

 private:
  template <class Other>
  friend class DynamicShared;

  simt::SharedCell<T> cell(const simt::DynamicMemory& memory, long long index) const {
    static_assert(sizeof(T) % simt::k_dynamic_grain == 0);
    const long long count =
        offset_ > memory.bytes ? 0 : static_cast<long long>((memory.bytes - offset_) / sizeof(T));
    if (index < 0 || index >= count) simt::fail_outside(index, count);
    const std::size_t at = offset_ + static_cast<std::size_t>(index) * sizeof(T);
    return {*reinterpret_cast<T*>(memory.data + at), memory.histories + at / simt::k_dynamic_grain,
            static_cast<int>(sizeof(T) / simt::k_dynamic_grain)};
  }

  std::size_t offset_;
};

}  // namespace idl::cuda
