// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "idl/cuda/device/shared.cuh"
#include "idl/cuda/launch.cuh"

/// Reductions over a warp and over a block in a fixed order, whose result every thread gets. All
/// threads of the warp or block must take part.
namespace idl::cuda {

inline constexpr int k_warp = 32;
inline constexpr unsigned k_full_warp = 0xffffffffU;

struct Plus {
  template <class V>
  __device__ V operator()(V a, V b) const {
    return a + b;
  }
};

/// For integers, magnitudes among them; it would lose a NaN.
struct Maximum {
  template <class V>
  __device__ V operator()(V a, V b) const {
    static_assert(std::is_integral_v<V>);
    return a > b ? a : b;
  }
};

/// |x| as an unsigned integer. Magnitudes are ordered as their bits are, with NaN above infinity:
/// their integer maximum is the maximum that keeps NaN.
template <class T>
using Magnitude = std::conditional_t<sizeof(T) == 4, unsigned int, unsigned long long>;

template <class T>
__device__ inline Magnitude<T> magnitude(T x) {
  static_assert(sizeof(Magnitude<T>) == sizeof(T));
  Magnitude<T> bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  return bits & (~Magnitude<T>{0} >> 1);
}

/// The |x| that belongs to a magnitude.
template <class T>
__device__ inline T from_magnitude(Magnitude<T> bits) {
  T x = T(0);
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

/// Butterfly over the 32 lanes: op must be commutative, then all lanes get the same bits. There is
/// an instruction for the maximum of words, from sm_80 on.
template <class V, class Op>
__device__ inline V warp_reduce(V value, Op op) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  if constexpr (std::is_same_v<V, unsigned> && std::is_same_v<Op, Maximum>) {
    return __reduce_max_sync(k_full_warp, value);
  } else
#endif
  {
    for (int offset = k_warp / 2; offset > 0; offset /= 2)
      value = op(value, __shfl_xor_sync(k_full_warp, value, offset));
    return value;
  }
}

/// Warps in ascending order. `shared` has one element per warp and may be used again at once.
template <int Threads, class V, class Op>
__device__ inline V block_reduce(V value, Op op, SharedArray<V, Threads / k_warp>& shared) {
  constexpr int k_warps = Threads / k_warp;
  const int thread = static_cast<int>(threadIdx.x);
  value = warp_reduce(value, op);
  if (thread % k_warp == 0) shared[thread / k_warp] = value;
  __syncthreads();
  V total = shared[0];
  for (int warp = 1; warp < k_warps; ++warp) {
    const V other = shared[warp];
    total = op(total, other);
  }
  __syncthreads();
  return total;
}

}  // namespace idl::cuda
