// SPDX-License-Identifier: MIT
// sums_i = Σ_j |A_ij| over the stored entries of compressed rows.
//
// Row by row (csr_rows.cuh). 1 read of the values.
#include <cmath>

#include "kernels/cuda/device/csr_rows.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

template <class T>
__global__ void csr_row_abs_sums_kernel(ConstCsrView<T> A, T* sums) {
  const index_t i = csr_row();
  if (i >= A.rows) return;  // whole warps
  const double sum =
      csr_row_sum(A, i, [](T entry, std::int32_t) { return std::abs(static_cast<double>(entry)); });
  if (csr_lane() == 0) sums[i] = static_cast<T>(sum);
}

}  // namespace

template <class T>
void csr_row_abs_sums(const CsrRowAbsSums<T>& r, CUstream_st* stream) {
  if (r.A.rows == 0) return;
  launch(csr_row_abs_sums_kernel<T>, csr_rows_shape(r.A.rows), stream, r.A, r.sums.data);
}

template void csr_row_abs_sums(const CsrRowAbsSums<float>&, CUstream_st*);
template void csr_row_abs_sums(const CsrRowAbsSums<double>&, CUstream_st*);

}  // namespace idl::cuda
