// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

/// Takes the place of idl/cuda/device/shared.cuh in the GPU-like emulation: memory that nobody
/// watches.
namespace idl::cuda {

template <class T, int N>
struct SharedArray {
  T elements[N];
  T& operator[](long long index) { return elements[index]; }
};

template <class T>
class DynamicShared {
 public:
  explicit DynamicShared(std::size_t offset = 0) : offset_(offset) {}
  template <class Other>
  explicit DynamicShared(const DynamicShared<Other>& part, std::size_t offset = 0)
      : offset_(part.offset_ + offset) {}

  T& operator[](long long index) const { return cell(simt::dynamic_shared(), index); }
  /// The element of block `rank` of the cluster.
  T& in_block(unsigned rank, long long index) const {
    return cell(simt::dynamic_shared_of(rank), index);
  }

 private:
  template <class Other>
  friend class DynamicShared;

  T& cell(const simt::DynamicMemory& memory, long long index) const {
    return reinterpret_cast<T*>(memory.data + offset_)[index];
  }

  std::size_t offset_;
};

}  // namespace idl::cuda
