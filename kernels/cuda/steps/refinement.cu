// SPDX-License-Identifier: MIT
// RoundToBFloat16, entry by entry (entries.cuh): 2 reads of 4 bytes and a write of 2 an entry.
// BeginRefinement, by one block, since it counts anew; UpdateRefinement, one thread per column.
#include "kernels/math/refinement.hpp"

#include <limits>

#include "idl/cuda/device/collectives.cuh"
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr int k_refinement_threads = 256;
// Of the one block that goes through all columns.
constexpr int k_block_threads = 1024;

template <int N>
__global__ void round_to_bfloat16_kernel(RoundToBFloat16 round, Entries<N> entries) {
  const EntrySpan at = entries.span();
  by_packs<N>(at.count, [&](auto width, int part) {
    constexpr int W = decltype(width)::value;
    Pack<float, W> x = load_pack<W>(entry_of(round.X, at) + part);
    if (round.X0.cols > 0) {
      const Pack<float, W> x0 = load_pack<W>(entry_of(round.X0, at) + part);
      for (int e = 0; e < W; ++e) x.x[e] -= x0.x[e];
    }
    Pack<BFloat16, W> y;
    for (int e = 0; e < W; ++e) y.x[e] = to_bfloat16(x.x[e]);
    store_pack(entry_of(round.Y, at) + part, y);
  });
}

__global__ void __launch_bounds__(k_block_threads)
    begin_refinement_kernel(BeginRefinement begin, float infinity) {
  __shared__ SharedArray<std::int32_t, k_block_threads / k_warp> shared;
  const float contraction = begin.contraction.size > 0 ? begin.contraction.data[0] : 0.0F;
  const StoppingRule<float> rule = {step_factor(begin.certified, contraction), begin.absolute,
                                    begin.relative, 0.0F, 0};
  std::int32_t active = 0;
  for (index_t j = threadIdx.x; j < begin.status.size; j += k_block_threads) {
    const bool runs = begin.status.data[j] == k_running;
    begin.inner.status.data[j] = runs ? k_running : k_converged;
    if (!runs) continue;
    begin.inner.targets.data[j] =
        refinement_target(begin.step_norms.data[j], begin.state_norms.data[j], rule);
    begin.inner.best_steps.data[j] = infinity;
    begin.inner.stalled.data[j] = 0;
    active += 1;
  }
  active = block_reduce<k_block_threads>(active, Plus{}, shared);
  if (threadIdx.x == 0) begin.inner.active.data[0] = active;
}

__global__ void update_refinement_kernel(UpdateRefinement update) {
  __shared__ SharedArray<std::int32_t, k_refinement_threads / k_warp> shared;
  const index_t j = static_cast<index_t>(blockIdx.x) * k_refinement_threads + threadIdx.x;
  const InnerColumns& inner = update.inner;
  std::int32_t left = 0;
  if (j < update.step_norms.size && inner.status.data[j] == k_running) {
    const InnerColumn column =
        next_inner_column({inner.best_steps.data[j], inner.stalled.data[j], false},
                          update.step_norms.data[j], inner.targets.data[j]);
    inner.best_steps.data[j] = column.best_step;
    inner.stalled.data[j] = column.stalled;
    update.low_iterations.data[j] += 1;
    if (column.leaves) {
      inner.status.data[j] = k_converged;
      left = 1;
    }
  }
  left = block_reduce<k_refinement_threads>(left, Plus{}, shared);
  if (threadIdx.x == 0 && left > 0) atomicSub(inner.active.data, left);
}

template <int N>
void launch_round(const RoundToBFloat16& round, CUstream_st* stream) {
  const Entries<N> entries(round.X.rows, round.X.cols);
  launch(round_to_bfloat16_kernel<N>, entries.shape(), stream, round, entries);
}

/// Whether four entries of every column of Y are one access of 8 bytes.
bool writes_packs(const MatrixView<BFloat16>& Y) {
  return reinterpret_cast<std::uintptr_t>(Y.data) % 8 == 0 && (Y.cols <= 1 || Y.ld % 4 == 0);
}

}  // namespace

void round_to_bfloat16(const RoundToBFloat16& round, CUstream_st* stream) {
  if (round.X.rows == 0 || round.X.cols == 0) return;
  const bool packs =
      packs_fit(round.X) && (round.X0.cols == 0 || packs_fit(round.X0)) && writes_packs(round.Y);
  packs ? launch_round<4>(round, stream) : launch_round<1>(round, stream);
}

void begin_refinement(const BeginRefinement& begin, CUstream_st* stream) {
  const LaunchShape one_block = {
      .grid = dim3(1), .block = dim3(static_cast<unsigned>(k_block_threads)), .shared_bytes = 0};
  launch(begin_refinement_kernel, one_block, stream, begin, std::numeric_limits<float>::infinity());
}

void update_refinement(const UpdateRefinement& update, CUstream_st* stream) {
  const index_t count = update.step_norms.size;
  if (count == 0) return;
  launch(update_refinement_kernel, one_thread_each(count, k_refinement_threads), stream, update);
}

}  // namespace idl::cuda
