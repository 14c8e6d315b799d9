// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <type_traits>

#include "idl/cuda/launch.cuh"
#include "idl/matrix.hpp"

/// N neighbouring elements of a column as one access of N·sizeof(T) bytes.
///
/// Kernels are written for packs of N elements and compiled for N = k_pack<T> (16 bytes) and N = 1;
/// the launcher takes the wide form where packs_fit() says that every operand allows it. A view
/// into a larger matrix, such as A in M, may start at any element.
namespace idl::cuda {

template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T x[N];
};

/// Elements of 16 bytes.
template <class T>
inline constexpr int k_pack = 16 / static_cast<int>(sizeof(T));

template <int N, class T>
__device__ inline Pack<T, N> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T, N>*>(from);
}

template <int N, class T>
__device__ inline void store_pack(T* to, const Pack<T, N>& pack) {
  *reinterpret_cast<Pack<T, N>*>(to) = pack;
}

template <int N>
using Width = std::integral_constant<int, N>;

/// f(Width<W>, e) for the elements [e, e + W) of `count`: all at once where they are a whole pack
/// of N, one by one otherwise. For use inside f: constexpr int W = decltype(width)::value.
template <int N, class F>
__device__ inline void by_packs(int count, F f) {
  if (N > 1 && count == N) {
    f(Width<N>{}, 0);
  } else {
    for (int e = 0; e < count; ++e) f(Width<1>{}, e);
  }
}

/// Whether every column of the view starts on a multiple of 16 bytes.
template <class View>
bool packs_fit_view(const View& view) {
  constexpr index_t k_bytes = 16;
  constexpr auto k_size = static_cast<index_t>(sizeof(*view.data));
  const bool start = reinterpret_cast<std::uintptr_t>(view.data) % std::uintptr_t{k_bytes} == 0;
  return start && (view.cols <= 1 || view.ld * k_size % k_bytes == 0);
}

template <class... Views>
bool packs_fit(const Views&... views) {
  return (packs_fit_view(views) && ...);
}

}  // namespace idl::cuda
