// SPDX-License-Identifier: MIT
// P_ij <- Σ_s V_is X_js at the pattern of P.
//
// One thread per entry, which finds its row in the row offsets and sums over the samples s in
// order. Neighbouring threads have mostly the same row of V and columns of one piece of X. Reads
// 2·nnz·m elements, most of them from the caches, and writes nnz.
#include "idl/cuda/launch.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr int k_sddmm_threads = 128;

/// The last i with offsets[i] <= e.
__device__ inline index_t row_of_entry(const std::int64_t* offsets, index_t rows, std::int64_t e) {
  index_t low = 0;
  index_t high = rows;
  while (high - low > 1) {
    const index_t middle = low + (high - low) / 2;
    if (offsets[middle] <= e) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

template <class T>
__global__ void sddmm_kernel(Sddmm<T> s) {
  // The entries of a range of rows do not begin with the first.
  const std::int64_t e =
      s.P.row_offsets[0] + static_cast<std::int64_t>(blockIdx.x) * k_sddmm_threads + threadIdx.x;
  if (e >= s.P.capacity || e >= s.P.row_offsets[s.P.rows]) return;
  const T* v = s.V.data + row_of_entry(s.P.row_offsets, s.P.rows, e);
  const T* x = s.X.data + s.P.col_indices[e];
  T sum = T(0);
  for (index_t j = 0; j < s.V.cols; ++j) sum += v[j * s.V.ld] * x[j * s.X.ld];
  s.P.values[e] = sum;
}

}  // namespace

template <class T>
void sddmm(const Sddmm<T>& s, CUstream_st* stream) {
  if (s.P.rows == 0 || s.P.capacity == 0) return;
  launch(sddmm_kernel<T>, one_thread_each(s.P.capacity, k_sddmm_threads), stream, s);
}

template void sddmm(const Sddmm<float>&, CUstream_st*);
template void sddmm(const Sddmm<double>&, CUstream_st*);

}  // namespace idl::cuda
