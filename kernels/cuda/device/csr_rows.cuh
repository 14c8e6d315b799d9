// SPDX-License-Identifier: MIT
#pragma once

#include "idl/csr_matrix.hpp"
#include "idl/cuda/device/collectives.cuh"
#include "idl/cuda/launch.cuh"

/// Kernels that go along the rows of a matrix in compressed rows: a warp takes a row, each lane
/// every 32nd of its entries.
namespace idl::cuda {

inline constexpr int k_csr_block_rows = 8;

/// The row of the thread's warp, which may lie after the last.
__device__ inline index_t csr_row() {
  return static_cast<index_t>(blockIdx.x) * k_csr_block_rows +
         static_cast<int>(threadIdx.x) / k_warp;
}
__device__ inline int csr_lane() { return static_cast<int>(threadIdx.x) % k_warp; }

/// The sum of term(value, column) over the entries of row i, in double and in a fixed tree; every
/// lane gets it. Whole warps take part.
template <class T, class Term>
__device__ inline double csr_row_sum(const ConstCsrView<T>& A, index_t i, const Term& term) {
  double sum = 0;
  const std::int64_t end = A.row_offsets[i + 1];
  for (std::int64_t e = A.row_offsets[i] + csr_lane(); e < end; e += k_warp)
    sum += term(A.values[e], A.col_indices[e]);
  for (int offset = k_warp / 2; offset > 0; offset /= 2)
    sum += __shfl_xor_sync(k_full_warp, sum, offset);
  return sum;
}

inline LaunchShape csr_rows_shape(index_t rows) {
  return {.grid = dim3(static_cast<unsigned>((rows + k_csr_block_rows - 1) / k_csr_block_rows)),
          .block = dim3(static_cast<unsigned>(k_csr_block_rows * k_warp)),
          .shared_bytes = 0};
}

}  // namespace idl::cuda
