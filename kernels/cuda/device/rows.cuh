// SPDX-License-Identifier: MIT
#pragma once

#include "idl/cuda/device/collectives.cuh"
#include "idl/cuda/launch.cuh"
#include "idl/matrix.hpp"

/// Kernels that go along the rows of a column-major matrix. A block takes k_slab_rows neighbouring
/// rows with 256 threads: neighbouring threads have neighbouring rows, so that each access of a
/// warp reads four whole pieces of 32 bytes (floats) of four columns.
namespace idl::cuda {

inline constexpr int k_slab_rows = 8;
inline constexpr int k_row_threads = 32;  ///< that share a row
inline constexpr int k_slab_threads = k_slab_rows * k_row_threads;
inline constexpr int k_slab_warps = k_slab_threads / k_warp;

/// The thread's row and its place among the threads of that row.
struct RowSeat {
  int row;
  int rank;
};

__device__ inline RowSeat row_seat() {
  const int thread = static_cast<int>(threadIdx.x);
  return {thread % k_slab_rows, thread / k_slab_rows};
}

inline constexpr int k_slab_results = k_slab_warps * k_slab_rows;
template <class V, int Count = 1>
using SlabShared = SharedArray<V, Count * k_slab_results>;

/// Each of `values` over the threads of each row, in a fixed tree; every thread gets the results of
/// its row. All threads of the block must take part, and pass another barrier before `shared`, a
/// SlabShared<V, Count> or as much dynamic shared memory, is used again.
template <int Count, class V, class Op, class Shared>
__device__ inline void row_reduce_open(V (&values)[Count], Op op, Shared& shared) {
  const RowSeat seat = row_seat();
  const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int c = 0; c < Count; ++c) {
    for (int offset = k_slab_rows; offset < k_warp; offset *= 2)
      values[c] = op(values[c], __shfl_xor_sync(k_full_warp, values[c], offset));
    if (thread % k_warp < k_slab_rows)
      shared[c * k_slab_results + thread / k_warp * k_slab_rows + seat.row] = values[c];
  }
  __syncthreads();
#pragma unroll
  for (int c = 0; c < Count; ++c) {
    values[c] = shared[c * k_slab_results + seat.row];
    for (int warp = 1; warp < k_slab_warps; ++warp) {
      const V other = shared[c * k_slab_results + warp * k_slab_rows + seat.row];
      values[c] = op(values[c], other);
    }
  }
}

/// The same for one value; `shared` may be used again at once.
template <class V, class Op, class Shared>
__device__ inline V row_reduce(V value, Op op, Shared& shared) {
  V values[1] = {value};
  row_reduce_open(values, op, shared);
  __syncthreads();
  return values[0];
}

/// The sum of term(A_ij, j) over row i of the thread's seat, in double; every thread of the row
/// gets it. All threads of the block must take part.
template <class T, class Term, class Shared>
__device__ inline double slab_row_sum(const ConstMatrixView<T>& A, index_t i, Shared& shared,
                                      const Term& term) {
  double sum = 0;
  if (i < A.rows) {
    for (index_t j = row_seat().rank; j < A.cols; j += k_row_threads)
      sum += term(A.data[i + j * A.ld], j);
  }
  return row_reduce(sum, Plus{}, shared);
}

inline LaunchShape slab_shape(index_t rows) {
  return {.grid = dim3(static_cast<unsigned>((rows + k_slab_rows - 1) / k_slab_rows)),
          .block = dim3(static_cast<unsigned>(k_slab_threads)),
          .shared_bytes = 0};
}

}  // namespace idl::cuda
