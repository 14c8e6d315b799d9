// SPDX-License-Identifier: MIT
// A_ij <- 0 for i >= j, entry by entry (entries.cuh, one entry per thread). Half a write of the
// matrix.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

template <class T>
__global__ void mask_strictly_upper_kernel(MatrixView<T> A, Entries<1> entries) {
  const EntrySpan at = entries.span();
  if (at.count > 0 && at.row >= at.col) *entry_of(A, at) = T(0);
}

}  // namespace

template <class T>
void mask_strictly_upper(const MaskStrictlyUpper<T>& mask, CUstream_st* stream) {
  if (mask.A.rows == 0 || mask.A.cols == 0) return;
  const Entries<1> entries(mask.A.rows, mask.A.cols);
  launch(mask_strictly_upper_kernel<T>, entries.shape(), stream, mask.A, entries);
}

template void mask_strictly_upper(const MaskStrictlyUpper<float>&, CUstream_st*);
template void mask_strictly_upper(const MaskStrictlyUpper<double>&, CUstream_st*);

}  // namespace idl::cuda
