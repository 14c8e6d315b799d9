// SPDX-License-Identifier: MIT
// indices_j = the row of the largest X_ij, the first of equals; -1 where the column holds a NaN.
//
// A team of threads (columns.cuh) sweeps a column; each thread keeps the best of its entries and
// the team the best of those. "Better" is a strict order, so the answer has one value. 1 read of
// n·m elements.
#include "kernels/cuda/device/best_entry.cuh"
#include "kernels/cuda/device/columns.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

template <class T, int Threads>
__global__ void argmax_columns_kernel(ArgmaxColumns<T> argmax) {
  using Team = ColumnTeam<Threads>;
  __shared__ SharedArray<BestEntry<T>, Team::k_shared> shared;
  const index_t j = Team::column();
  if (j >= argmax.X.cols) return;
  const BestEntry<T> best =
      best_of_column<Threads>(argmax.X.data + j * argmax.X.ld, argmax.X.rows, shared);
  if (Team::rank() != 0) return;
  argmax.indices.data[j] = best.value == best.value ? static_cast<std::int32_t>(best.row) : -1;
}

template <int Threads, class T>
void launch_argmax(const ArgmaxColumns<T>& argmax, CUstream_st* stream) {
  launch(argmax_columns_kernel<T, Threads>, ColumnTeam<Threads>::shape(argmax.X.cols), stream,
         argmax);
}

}  // namespace

template <class T>
void argmax_columns(const ArgmaxColumns<T>& argmax, CUstream_st* stream) {
  if (argmax.X.rows == 0 || argmax.X.cols == 0) return;
  argmax.X.rows <= k_short_column ? launch_argmax<32>(argmax, stream)
                                  : launch_argmax<256>(argmax, stream);
}

template void argmax_columns(const ArgmaxColumns<float>&, CUstream_st*);
template void argmax_columns(const ArgmaxColumns<double>&, CUstream_st*);

}  // namespace idl::cuda
