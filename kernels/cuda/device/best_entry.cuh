// SPDX-License-Identifier: MIT
#pragma once

#include "idl/matrix.hpp"
#include "kernels/cuda/device/columns.cuh"
#include "kernels/math/extrema.hpp"

/// The largest entry of a column with its row, in the order of beats() (extrema.hpp).
namespace idl::cuda {

template <class T>
struct BestEntry {
  T value;
  index_t row;  ///< -1 where there is none
};

template <class T>
__device__ inline BestEntry<T> better(BestEntry<T> a, BestEntry<T> b) {
  if (b.row < 0) return a;
  if (a.row < 0) return b;
  return beats(b.value, b.row, a.value, a.row) ? b : a;
}

/// By the team of `Threads` threads that has the column of n >= 1 entries; the answer is in every
/// thread.
template <int Threads, class T>
__device__ inline BestEntry<T> best_of_column(
    const T* x, index_t n, SharedArray<BestEntry<T>, ColumnTeam<Threads>::k_shared>& shared) {
  using Team = ColumnTeam<Threads>;
  BestEntry<T> best = {T(0), -1};
  for (index_t i = Team::rank(); i < n; i += Threads) best = better(best, BestEntry<T>{x[i], i});
  for (int offset = k_warp / 2; offset > 0; offset /= 2) {
    const T value = __shfl_xor_sync(k_full_warp, best.value, offset);
    const long long row = __shfl_xor_sync(k_full_warp, static_cast<long long>(best.row), offset);
    best = better(best, BestEntry<T>{value, static_cast<index_t>(row)});
  }
  if constexpr (Threads > k_warp) {
    const int thread = Team::rank();
    if (thread % k_warp == 0) shared[thread / k_warp] = best;
    __syncthreads();
    best = shared[0];
    for (int warp = 1; warp < Team::k_shared; ++warp) {
      const BestEntry<T> other = shared[warp];
      best = better(best, other);
    }
    __syncthreads();
  }
  return best;
}

}  // namespace idl::cuda
