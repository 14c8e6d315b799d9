// SPDX-License-Identifier: MIT
// sums_i = Σ_j |A_ij| over the stored entries of compressed rows.
//
// A warp takes a row: each lane sums every 32nd entry in double, the warp adds its lanes in a fixed
// tree. 1 read of the values.
#include <cmath>

#include "kernels/cuda/device/collectives.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr int k_rows = 8;  // of a block

template <class T>
__global__ void csr_row_abs_sums_kernel(ConstCsrView<T> A, T* sums) {
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % k_warp;
  const index_t i = static_cast<index_t>(blockIdx.x) * k_rows + thread / k_warp;
  if (i >= A.rows) return;  // whole warps
  double sum = 0;
  const std::int64_t end = A.row_offsets[i + 1];
  for (std::int64_t e = A.row_offsets[i] + lane; e < end; e += k_warp)
    sum += std::abs(static_cast<double>(A.values[e]));
  for (int offset = k_warp / 2; offset > 0; offset /= 2)
    sum += __shfl_xor_sync(k_full_warp, sum, offset);
  if (lane == 0) sums[i] = static_cast<T>(sum);
}

}  // namespace

template <class T>
void csr_row_abs_sums(const CsrRowAbsSums<T>& r, CUstream_st* stream) {
  if (r.A.rows == 0) return;
  const LaunchShape shape = {.grid = dim3(static_cast<unsigned>((r.A.rows + k_rows - 1) / k_rows)),
                             .block = dim3(static_cast<unsigned>(k_rows * k_warp)),
                             .shared_bytes = 0};
  launch(csr_row_abs_sums_kernel<T>, shape, stream, r.A, r.sums.data);
}

template void csr_row_abs_sums(const CsrRowAbsSums<float>&, CUstream_st*);
template void csr_row_abs_sums(const CsrRowAbsSums<double>&, CUstream_st*);

}  // namespace idl::cuda
