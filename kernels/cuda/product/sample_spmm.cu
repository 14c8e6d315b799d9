// SPDX-License-Identifier: MIT
// C <- B Aᵀ, A in compressed rows, samples in the rows of B and C; and what cuSPARSE needs of A.
//
// A warp takes a row of A and 32 samples, a lane one sample: it reads each entry of the row with
// the whole warp and 32 neighbours of B, and adds from left to right.
#include <cmath>

#include "idl/cuda/device/collectives.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr int k_sample_spmm_warps = 8;
constexpr int k_sample_spmm_threads = k_sample_spmm_warps * k_warp;

template <class T>
__global__ void __launch_bounds__(k_sample_spmm_threads)
    sample_spmm_kernel(ConstCsrView<T> A, ConstMatrixView<T> B, MatrixView<T> C, index_t tiles) {
  const auto block = static_cast<index_t>(blockIdx.x);
  const int thread = static_cast<int>(threadIdx.x);
  const index_t i = block / tiles * k_sample_spmm_warps + thread / k_warp;
  const index_t j = block % tiles * k_warp + thread % k_warp;
  if (i >= C.cols || j >= C.rows) return;
  T sum = T(0);
  const std::int64_t end = A.row_offsets[i + 1];
#pragma unroll 4
  for (std::int64_t e = A.row_offsets[i]; e < end; ++e)
    sum = std::fma(A.values[e], B.data[j + A.col_indices[e] * B.ld], sum);
  C.data[j + i * C.ld] = sum;
}

__global__ void __launch_bounds__(k_sample_spmm_threads)
    narrow_offsets_kernel(const std::int64_t* row_offsets, std::int32_t* narrow, index_t count) {
  const index_t k =
      static_cast<index_t>(blockIdx.x) * k_sample_spmm_threads + static_cast<int>(threadIdx.x);
  if (k < count) narrow[k] = static_cast<std::int32_t>(row_offsets[k] - row_offsets[0]);
}

}  // namespace

template <class T>
void sample_spmm_in_fixed_order(const SampleSpmm<T>& s, CUstream_st* stream) {
  if (s.C.rows == 0 || s.C.cols == 0) return;
  const index_t tiles = (s.C.rows + k_warp - 1) / k_warp;
  const index_t row_blocks = (s.C.cols + k_sample_spmm_warps - 1) / k_sample_spmm_warps;
  const LaunchShape shape = {.grid = dim3(static_cast<unsigned>(tiles * row_blocks)),
                             .block = dim3(static_cast<unsigned>(k_sample_spmm_threads)),
                             .shared_bytes = 0};
  launch(sample_spmm_kernel<T>, shape, stream, s.A, s.B, s.C, tiles);
}

void narrow_offsets(const std::int64_t* row_offsets, std::int32_t* narrow, index_t count,
                    CUstream_st* stream) {
  if (count == 0) return;
  launch(narrow_offsets_kernel, one_thread_each(count, k_sample_spmm_threads), stream, row_offsets,
         narrow, count);
}

template void sample_spmm_in_fixed_order(const SampleSpmm<float>&, CUstream_st*);
template void sample_spmm_in_fixed_order(const SampleSpmm<double>&, CUstream_st*);

}  // namespace idl::cuda
