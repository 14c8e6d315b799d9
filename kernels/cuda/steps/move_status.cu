// SPDX-License-Identifier: MIT
// ListRunning, by one block, and MoveStatus, one thread per column. Some bytes per column.
#include "idl/cuda/device/collectives.cuh"
#include "idl/detail/column_status.hpp"
#include "idl/solver.hpp"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr int k_move_threads = 256;
// Of the one block that goes through all columns.
constexpr int k_list_threads = 1024;
constexpr int k_list_warps = k_list_threads / k_warp;

/// Columns in rounds of one per thread: each thread's place follows from the rounds before, the
/// warps before its own, and the lanes before it.
__global__ void __launch_bounds__(k_list_threads) list_running_kernel(ListRunning list) {
  __shared__ SharedArray<int, k_list_warps> counts;
  const int thread = static_cast<int>(threadIdx.x);
  const index_t m = list.status.size;
  index_t before = 0;
  for (index_t first = 0; first < m; first += k_list_threads) {
    const index_t j = first + thread;
    const bool running = j < m && list.status.data[j] == k_running;
    const unsigned ballot = __ballot_sync(k_full_warp, running ? 1 : 0);
    if (thread % k_warp == 0) counts[thread / k_warp] = __popc(ballot);
    __syncthreads();
    index_t place = before + __popc(ballot & ((1U << (thread % k_warp)) - 1U));
    for (int warp = 0; warp < k_list_warps; ++warp) {
      const int count = counts[warp];
      if (warp < thread / k_warp) place += count;
      before += count;
    }
    __syncthreads();
    if (running && place < list.indices.size)
      list.indices.data[place] = static_cast<std::int32_t>(j);
  }
  // What nobody filled; everything if there was no room for all.
  const index_t filled = before <= list.indices.size ? before : 0;
  __syncthreads();
  for (index_t k = filled + thread; k < list.indices.size; k += k_list_threads)
    list.indices.data[k] = -1;
}

template <class T>
__device__ void copy_entries(const ColumnEntries<T>& from, index_t source,
                             const ColumnEntries<T>& to, index_t target) {
  to.columns.status.data[target] = from.columns.status.data[source];
  to.columns.iterations.data[target] = from.columns.iterations.data[source];
  to.columns.best_steps.data[target] = from.columns.best_steps.data[source];
  to.columns.stalled.data[target] = from.columns.stalled.data[source];
  to.step_norms.data[target] = from.step_norms.data[source];
  to.state_norms.data[target] = from.state_norms.data[source];
}

template <class T>
__global__ void move_status_kernel(MoveStatus<T> move) {
  const index_t k = static_cast<index_t>(blockIdx.x) * k_move_threads + threadIdx.x;
  if (k >= move.indices.size) return;
  const index_t j = move.indices.data[k];
  if (j < 0 || j >= move.whole.columns.status.size) {
    if (!move.back) move.part.columns.status.data[k] = k_converged;
  } else if (move.back) {
    copy_entries(move.part, k, move.whole, j);
  } else {
    copy_entries(move.whole, j, move.part, k);
  }
}

}  // namespace

void list_running(const ListRunning& list, CUstream_st* stream) {
  if (list.indices.size == 0) return;
  const LaunchShape one_block = {
      .grid = dim3(1), .block = dim3(static_cast<unsigned>(k_list_threads)), .shared_bytes = 0};
  launch(list_running_kernel, one_block, stream, list);
}

template <class T>
void move_status(const MoveStatus<T>& move, CUstream_st* stream) {
  const index_t count = move.indices.size;
  if (count == 0) return;
  launch(move_status_kernel<T>, one_thread_each(count, k_move_threads), stream, move);
}

template void move_status(const MoveStatus<float>&, CUstream_st*);
template void move_status(const MoveStatus<double>&, CUstream_st*);

}  // namespace idl::cuda
