// SPDX-License-Identifier: MIT
// UpdateStatus and ResetStatus: the loop's condition, one thread per column.
//
// The counter of running columns is lowered by one integer atomic per block, whose order does not
// matter. UpdateStatus reads 1 byte of a stopped column and moves about 4 words of a running one.
#include <limits>

#include "idl/cuda/device/collectives.cuh"
#include "idl/detail/column_status.hpp"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr int k_status_threads = 128;

template <class T>
__global__ void update_status_kernel(UpdateStatus<T> u) {
  __shared__ SharedArray<std::int32_t, k_status_threads / k_warp> shared;
  const index_t j = static_cast<index_t>(blockIdx.x) * k_status_threads + threadIdx.x;
  const ColumnStatus<T>& columns = u.columns;
  std::int32_t stopped = 0;
  if (j < columns.status.size && columns.status.data[j] == k_running) {
    const T contraction = u.contraction.size > 0 ? u.contraction.data[0] : T(0);
    const StoppingRule<T> rule{step_factor(u.certified, contraction), u.absolute, u.relative,
                               u.rounding, u.max_iterations};
    const ColumnState<T> before{k_running, columns.iterations.data[j], columns.best_steps.data[j],
                                columns.stalled.data[j]};
    const ColumnState<T> after =
        next_column_state(before, u.step_norms.data[j], u.state_norms.data[j], rule);
    columns.status.data[j] = after.status;
    columns.iterations.data[j] = after.iterations;
    columns.best_steps.data[j] = after.best_step;
    columns.stalled.data[j] = after.stalled;
    stopped = after.status != k_running ? 1 : 0;
  }
  stopped = block_reduce<k_status_threads>(stopped, Plus{}, shared);
  if (threadIdx.x == 0 && stopped > 0) atomicSub(columns.active.data, stopped);
}

template <class T>
__global__ void reset_status_kernel(ResetStatus<T> reset, T infinity) {
  const index_t j = static_cast<index_t>(blockIdx.x) * k_status_threads + threadIdx.x;
  const ColumnStatus<T>& columns = reset.columns;
  if (j == 0) columns.active.data[0] = static_cast<std::int32_t>(columns.status.size);
  if (j >= columns.status.size) return;
  columns.status.data[j] = k_running;
  columns.iterations.data[j] = 0;
  columns.best_steps.data[j] = infinity;
  columns.stalled.data[j] = 0;
  if (columns.fallbacks.size > 0) columns.fallbacks.data[j] = 0;
  if (columns.low_iterations.size > 0) columns.low_iterations.data[j] = 0;
  reset.step_norms.data[j] = infinity;
  reset.state_norms.data[j] = T(0);
}

/// After reset_status_kernel: the columns of sequences that have ended.
template <class T>
__global__ void end_sequences_kernel(ResetStatus<T> reset) {
  __shared__ SharedArray<std::int32_t, k_status_threads / k_warp> shared;
  const index_t j = static_cast<index_t>(blockIdx.x) * k_status_threads + threadIdx.x;
  const bool ended = j < reset.lengths.size && reset.lengths.data[j] <= reset.step;
  if (ended) {
    reset.columns.status.data[j] = k_converged;
    reset.step_norms.data[j] = T(0);
  }
  const std::int32_t count = block_reduce<k_status_threads>(ended ? 1 : 0, Plus{}, shared);
  if (threadIdx.x == 0 && count > 0) atomicSub(reset.columns.active.data, count);
}

}  // namespace

template <class T>
void update_status(const UpdateStatus<T>& update, CUstream_st* stream) {
  if (update.columns.status.size == 0) return;
  launch(update_status_kernel<T>, one_thread_each(update.columns.status.size, k_status_threads),
         stream, update);
}

/// Sets active to 0 where there are no columns.
template <class T>
void reset_status(const ResetStatus<T>& reset, CUstream_st* stream) {
  const index_t columns = reset.columns.status.size;
  launch(reset_status_kernel<T>, one_thread_each(columns > 0 ? columns : 1, k_status_threads),
         stream, reset, std::numeric_limits<T>::infinity());
  if (reset.lengths.size > 0)
    launch(end_sequences_kernel<T>, one_thread_each(columns, k_status_threads), stream, reset);
}

template void update_status(const UpdateStatus<float>&, CUstream_st*);
template void update_status(const UpdateStatus<double>&, CUstream_st*);
template void reset_status(const ResetStatus<float>&, CUstream_st*);
template void reset_status(const ResetStatus<double>&, CUstream_st*);

}  // namespace idl::cuda
