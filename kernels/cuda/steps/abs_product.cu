// SPDX-License-Identifier: MIT
// y_i = Σ_j |A_ij| v_j in double.
//
// Dense: a block takes eight rows (rows.cuh), each thread every 32nd entry of its row. Compressed
// rows: a warp takes a row, each lane every 32nd entry. Both add in a fixed tree. 1 read of A.
#include <cmath>
#include <variant>

#include "kernels/cuda/device/rows.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr int k_sparse_rows = 8;  // of a block

template <class T>
__global__ void dense_abs_product_kernel(ConstMatrixView<T> A, const double* v, double* y) {
  __shared__ SlabShared<double> shared;
  const RowSeat seat = row_seat();
  const index_t i = static_cast<index_t>(blockIdx.x) * k_slab_rows + seat.row;
  double sum = 0;
  if (i < A.rows) {
    for (index_t j = seat.rank; j < A.cols; j += k_row_threads)
      sum += std::abs(static_cast<double>(A.data[i + j * A.ld])) * v[j];
  }
  sum = row_reduce(sum, Plus{}, shared);
  if (seat.rank == 0 && i < A.rows) y[i] = sum;
}

template <class T>
__global__ void csr_abs_product_kernel(ConstCsrView<T> A, const double* v, double* y) {
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % k_warp;
  const index_t i = static_cast<index_t>(blockIdx.x) * k_sparse_rows + thread / k_warp;
  if (i >= A.rows) return;  // whole warps
  double sum = 0;
  const std::int64_t end = A.row_offsets[i + 1];
  for (std::int64_t e = A.row_offsets[i] + lane; e < end; e += k_warp)
    sum += std::abs(static_cast<double>(A.values[e])) * v[A.col_indices[e]];
  for (int offset = k_warp / 2; offset > 0; offset /= 2)
    sum += __shfl_xor_sync(k_full_warp, sum, offset);
  if (lane == 0) y[i] = sum;
}

template <class T>
void multiply(const ConstMatrixView<T>& A, const double* v, double* y, CUstream_st* stream) {
  launch(dense_abs_product_kernel<T>, slab_shape(A.rows), stream, A, v, y);
}

template <class T>
void multiply(const ConstCsrView<T>& A, const double* v, double* y, CUstream_st* stream) {
  const LaunchShape shape = {
      .grid = dim3(static_cast<unsigned>((A.rows + k_sparse_rows - 1) / k_sparse_rows)),
      .block = dim3(static_cast<unsigned>(k_sparse_rows * k_warp)),
      .shared_bytes = 0};
  launch(csr_abs_product_kernel<T>, shape, stream, A, v, y);
}

}  // namespace

template <class T>
void abs_product(const AbsProduct<T>& p, CUstream_st* stream) {
  if (p.y.size == 0) return;
  std::visit([&](const auto& A) { multiply(A, p.v.data, p.y.data, stream); }, p.A);
}

template void abs_product(const AbsProduct<float>&, CUstream_st*);
template void abs_product(const AbsProduct<double>&, CUstream_st*);

}  // namespace idl::cuda
