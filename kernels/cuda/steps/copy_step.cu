// SPDX-License-Identifier: MIT
// CopyStep: Y(:,j) <- X(:,j), or Y(:,j) + X(:,j), where lengths_j > step, elsewhere 0 or what it
// was.
//
// Entry by entry (entries.cuh). At most 2 reads and 1 write of r·m elements.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

template <class T, int N>
__global__ void copy_step_kernel(CopyStep<T> copy, Entries<N> entries) {
  const EntrySpan at = entries.span();
  if (at.count == 0) return;
  const bool ended = copy.lengths.data[at.col] <= copy.step;
  if (ended && copy.keep) return;
  const bool reads = !ended && copy.X.cols > 0;
  const bool adds = !ended && copy.add;
  T* to = entry_of(copy.Y, at);
  const T* from = reads ? entry_of(copy.X, at) : to;
  by_packs<N>(at.count, [&](auto width, int part) {
    constexpr int k_width = decltype(width)::value;
    Pack<T, k_width> y{};
    if (adds) y = load_pack<k_width>(to + part);
    if (reads) {
      const Pack<T, k_width> x = load_pack<k_width>(from + part);
      for (int e = 0; e < k_width; ++e) y.x[e] = adds ? y.x[e] + x.x[e] : x.x[e];
    }
    store_pack(to + part, y);
  });
}

template <int N, class T>
void launch_copy(const CopyStep<T>& copy, CUstream_st* stream) {
  const Entries<N> entries(copy.Y.rows, copy.Y.cols);
  launch(copy_step_kernel<T, N>, entries.shape(), stream, copy, entries);
}

}  // namespace

template <class T>
void copy_step(const CopyStep<T>& copy, CUstream_st* stream) {
  if (copy.Y.rows == 0 || copy.Y.cols == 0) return;
  packs_fit(copy.X, copy.Y) ? launch_copy<k_pack<T>>(copy, stream) : launch_copy<1>(copy, stream);
}

template void copy_step(const CopyStep<float>&, CUstream_st*);
template void copy_step(const CopyStep<double>&, CUstream_st*);

}  // namespace idl::cuda
