// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

/// Shared memory of a block. Kernels use these types rather than plain arrays, so that the
/// emulation of tests/simt sees every access.
namespace idl::cuda {

/// `__shared__ SharedArray<T, N> name;` in a kernel: N elements for the block, uninitialised.
template <class T, int N>
struct SharedArray {
  T elements[N];
  __device__ T& operator[](int index) { return elements[index]; }
  __device__ const T& operator[](int index) const { return elements[index]; }
};

/// A part of the dynamic shared memory, whose size the launch gives: elements of T from byte
/// `offset` on, a multiple of alignof(T) (at most 16). Made by every thread for itself.
template <class T>
class DynamicShared {
 public:
  __device__ explicit DynamicShared(std::size_t offset = 0) {
    extern __shared__ uint4 idl_dynamic_shared[];
    elements_ = reinterpret_cast<T*>(reinterpret_cast<char*>(idl_dynamic_shared) + offset);
  }
  __device__ T& operator[](int index) const { return elements_[index]; }

 private:
  T* elements_;
};

}  // namespace idl::cuda
