// SPDX-License-Identifier: MIT
#pragma once

namespace idl::cuda {

/// `__shared__ SharedArray<T, N> name;` in a kernel: N elements for the block, uninitialised.
template <class T, int N>
struct SharedArray {
  T elements[N];
  __device__ T& operator[](int index) { return elements[index]; }
  __device__ const T& operator[](int index) const { return elements[index]; }
};

}  // namespace idl::cuda
