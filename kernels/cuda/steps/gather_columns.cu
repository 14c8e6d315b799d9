// SPDX-License-Identifier: MIT
// GatherColumns Y(:,k) <- X(:,indices_k) and ScatterColumns Y(:,indices_k) <- X(:,k).
//
// Entry by entry over the columns k (entries.cuh). 1 read and 1 write of n·count elements. An index
// that names no column moves nothing: the indices are data on the device, which no check on the
// host can look at.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

template <class T, int N, bool Gather>
__global__ void move_columns_kernel(ConstMatrixView<T> X, const std::int32_t* indices,
                                    MatrixView<T> Y, Entries<N> entries) {
  const EntrySpan at = entries.span();
  if (at.count == 0) return;
  const index_t index = indices[at.col];
  if (index < 0 || index >= (Gather ? X.cols : Y.cols)) return;
  const EntrySpan there = {at.row, index, at.count};
  const T* from = entry_of(X, Gather ? there : at);
  T* to = entry_of(Y, Gather ? at : there);
  by_packs<N>(at.count, [&](auto width, int part) {
    store_pack(to + part, load_pack<decltype(width)::value>(from + part));
  });
}

template <int N, bool Gather, class T>
void launch_move(const ConstMatrixView<T>& X, const VectorView<const std::int32_t>& indices,
                 const MatrixView<T>& Y, CUstream_st* stream) {
  const Entries<N> entries(Y.rows, indices.size);
  launch(move_columns_kernel<T, N, Gather>, entries.shape(), stream, X, indices.data, Y, entries);
}

template <bool Gather, class T>
void move_columns(const ConstMatrixView<T>& X, const VectorView<const std::int32_t>& indices,
                  const MatrixView<T>& Y, CUstream_st* stream) {
  if (Y.rows == 0 || indices.size == 0) return;
  packs_fit(X, Y) ? launch_move<k_pack<T>, Gather>(X, indices, Y, stream)
                  : launch_move<1, Gather>(X, indices, Y, stream);
}

}  // namespace

template <class T>
void gather_columns(const GatherColumns<T>& gather, CUstream_st* stream) {
  move_columns<true>(gather.X, gather.indices, gather.Y, stream);
}

template <class T>
void scatter_columns(const ScatterColumns<T>& scatter, CUstream_st* stream) {
  move_columns<false>(scatter.X, scatter.indices, scatter.Y, stream);
}

template void gather_columns(const GatherColumns<float>&, CUstream_st*);
template void gather_columns(const GatherColumns<double>&, CUstream_st*);
template void scatter_columns(const ScatterColumns<float>&, CUstream_st*);
template void scatter_columns(const ScatterColumns<double>&, CUstream_st*);

}  // namespace idl::cuda
