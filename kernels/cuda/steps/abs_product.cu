// SPDX-License-Identifier: MIT
// y_i = Σ_j |A_ij| v_j in double.
//
// Dense by rows.cuh, compressed rows by csr_rows.cuh. 1 read of A.
#include <cmath>
#include <variant>

#include "kernels/cuda/device/csr_rows.cuh"
#include "kernels/cuda/device/rows.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

template <class T>
__global__ void dense_abs_product_kernel(ConstMatrixView<T> A, const double* v, double* y) {
  __shared__ SlabShared<double> shared;
  const RowSeat seat = row_seat();
  const index_t i = static_cast<index_t>(blockIdx.x) * k_slab_rows + seat.row;
  const double sum = slab_row_sum(A, i, shared, [v](T entry, index_t j) {
    return std::abs(static_cast<double>(entry)) * v[j];
  });
  if (seat.rank == 0 && i < A.rows) y[i] = sum;
}

template <class T>
__global__ void csr_abs_product_kernel(ConstCsrView<T> A, const double* v, double* y) {
  const index_t i = csr_row();
  if (i >= A.rows) return;  // whole warps
  const double sum = csr_row_sum(
      A, i, [v](T entry, std::int32_t j) { return std::abs(static_cast<double>(entry)) * v[j]; });
  if (csr_lane() == 0) y[i] = sum;
}

template <class T>
void multiply(const ConstMatrixView<T>& A, const double* v, double* y, CUstream_st* stream) {
  launch(dense_abs_product_kernel<T>, slab_shape(A.rows), stream, A, v, y);
}

template <class T>
void multiply(const ConstCsrView<T>& A, const double* v, double* y, CUstream_st* stream) {
  launch(csr_abs_product_kernel<T>, csr_rows_shape(A.rows), stream, A, v, y);
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
