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
  /// The address passes through an empty instruction, after which the compiler keeps it in a
  /// register: it would compute it again at every use, from a special register that is slow to
  /// read.
  __device__ explicit DynamicShared(std::size_t offset = 0) {
    extern __shared__ uint4 idl_dynamic_shared[];
    auto base = static_cast<unsigned>(__cvta_generic_to_shared(idl_dynamic_shared));
    asm volatile("" : "+r"(base));
    base += static_cast<unsigned>(offset);
    elements_ = static_cast<T*>(__cvta_shared_to_generic(base));
  }
  /// From byte `offset` of another part on, by the same register.
  template <class Other>
  __device__ explicit DynamicShared(const DynamicShared<Other>& part, std::size_t offset = 0)
      : elements_(reinterpret_cast<T*>(reinterpret_cast<char*>(part.elements_) + offset)) {}

  __device__ T& operator[](int index) const { return elements_[index]; }

 private:
  template <class Other>
  friend class DynamicShared;

  T* elements_;
};

}  // namespace idl::cuda
