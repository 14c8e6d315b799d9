// SPDX-License-Identifier: MIT
// sums_i = Σ_j |A_ij w_j|.
//
// A block takes eight rows (rows.cuh); each thread sums every 32nd entry of its row in double, the
// block adds the threads of a row in a fixed tree. 1 read of the matrix.
#include <cmath>

#include "kernels/cuda/device/rows.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

template <class T>
__global__ void row_abs_sums_kernel(ConstMatrixView<T> A, const T* weights, T* sums) {
  __shared__ SlabShared<double> shared;
  const RowSeat seat = row_seat();
  const index_t i = static_cast<index_t>(blockIdx.x) * k_slab_rows + seat.row;
  const double sum = slab_row_sum(A, i, shared, [weights](T entry, index_t j) {
    const double weight = weights == nullptr ? 1.0 : static_cast<double>(weights[j]);
    return std::abs(static_cast<double>(entry) * weight);
  });
  if (seat.rank == 0 && i < A.rows) sums[i] = static_cast<T>(sum);
}

}  // namespace

template <class T>
void row_abs_sums(const RowAbsSums<T>& row_sums, CUstream_st* stream) {
  if (row_sums.A.rows == 0) return;
  launch(row_abs_sums_kernel<T>, slab_shape(row_sums.A.rows), stream, row_sums.A,
         row_sums.weights.size > 0 ? row_sums.weights.data : nullptr, row_sums.sums.data);
}

template void row_abs_sums(const RowAbsSums<float>&, CUstream_st*);
template void row_abs_sums(const RowAbsSums<double>&, CUstream_st*);

}  // namespace idl::cuda
