// SPDX-License-Identifier: MIT
// A_ij <- scale·g(seed, sequence, i + j·rows), g standard normal
// (kernels/math/standard_normal.hpp).
//
// One entry per thread (entries.cuh); a number depends on its index alone. 1 write of the matrix,
// some hundred operations in double for each entry.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/runtime/launchers.hpp"
#include "kernels/math/standard_normal.hpp"

namespace idl::cuda {
namespace {

template <class T>
__global__ void fill_random_kernel(FillRandom<T> fill, Entries<1> entries) {
  const EntrySpan at = entries.span();
  if (at.count == 0) return;
  const auto index = static_cast<std::uint64_t>(at.row + at.col * fill.A.rows);
  const double normal = standard_normal(random_bits(fill.seed, fill.sequence, index));
  *entry_of(fill.A, at) = static_cast<T>(rounded::multiply(fill.scale, normal));
}

}  // namespace

template <class T>
void fill_random(const FillRandom<T>& fill, CUstream_st* stream) {
  if (fill.A.rows == 0 || fill.A.cols == 0) return;
  const Entries<1> entries(fill.A.rows, fill.A.cols);
  launch(fill_random_kernel<T>, entries.shape(), stream, fill, entries);
}

template void fill_random(const FillRandom<float>&, CUstream_st*);
template void fill_random(const FillRandom<double>&, CUstream_st*);

}  // namespace idl::cuda
