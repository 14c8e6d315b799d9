// SPDX-License-Identifier: MIT
#include "kernels/cuda/loop/fused_sparse.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "idl/cuda/launch.cuh"
#include "idl/error.hpp"
#include "kernels/cuda/loop/fused_loop.hpp"

namespace idl::cuda {
namespace {

constexpr int k_cluster_sizes[] = {1, 2, 4, 8, 16};
constexpr int k_alignment = 16;  // bytes, of parts of shared memory; the widest access to it

// Estimates, in clocks of a multiprocessor at 1.75 GHz; a read of shared memory is 32 words.
constexpr double k_clocks_per_second = 1.75e9;
constexpr double k_read = 1.25;  // banks that are read twice at once
constexpr double k_barriers = 150;
constexpr double k_cluster_barrier = 200;
constexpr double k_exchanged_bytes = 11;  // to a block, per clock

template <class T>
ConstCsrView<T> factor_of(const FixedPoint<T>& solve) {
  const auto& map = std::get<CsrMap<T>>(solve.A);
  return solve.transpose ? map.transposed : map.A;
}

template <class E>
std::vector<E> fetch(Backend& backend, const E* from, index_t count) {
  std::vector<E> to(static_cast<std::size_t>(count));
  const std::size_t bytes = to.size() * sizeof(E);
  if (bytes > 0)
    backend.download({.destination = to.data(),
                      .destination_pitch = bytes,
                      .source = from,
                      .source_pitch = bytes,
                      .width = bytes});
  return to;
}

template <class E>
const E* store(Backend& backend, LoopMemory& memory, const std::vector<E>& from) {
  E* to = memory.vector<E>(static_cast<index_t>(from.size())).data;
  const std::size_t bytes = from.size() * sizeof(E);
  backend.upload({.destination = to,
                  .destination_pitch = bytes,
                  .source = from.data(),
                  .source_pitch = bytes,
                  .width = bytes});
  return to;
}

/// Where things lie in shared memory; false where they find no room there.
template <class T>
bool lay_out(SparseFactor<T>& P, const SparseForm& form, bool adjoint, std::size_t most) {
  index_t at = 0;
  const auto place = [&at](int& where, index_t bytes) {
    where = static_cast<int>(std::min<index_t>(at, index_t{1} << 30));
    at += (bytes + k_alignment - 1) / k_alignment * k_alignment;
  };
  constexpr index_t k_size = sizeof(T);
  const index_t extra = std::max(P.slots - most_register_slots<T>(form.columns), 0);
  const index_t word = form.columns * k_size;
  const index_t copies = form.blocks > 1 ? 2 : 1;
  int x_at = 0;
  place(x_at, copies * P.positions * word);
  place(P.sums_at, index_t{P.slots / P.run} * k_slot_threads * word);
  place(P.held_at, P.own * word * (adjoint ? 2 : 1));
  place(P.norms_at, copies * 2 * word * form.blocks * (k_slot_threads / 32));
  place(P.levels_at, (index_t{P.levels} + 1) * 4);
  place(P.values_at, extra * k_slot_threads * k_size);
  place(P.places_at, extra / 2 * k_slot_threads * 4);
  P.shared_bytes = static_cast<int>(std::min<index_t>(at, index_t{1} << 30));
  return static_cast<std::size_t>(at) <= most;
}

template <class T>
double clocks_of_iteration(const SparseForm& form, const SparseFactor<T>& P) {
  const double words = form.columns / 32.0;
  const double chunks = P.slots / P.run;
  double clocks = (k_read * P.slots + 2 * chunks) * k_slot_threads * words + 5.0 * P.own * words;
  clocks += k_barriers;
  if (form.blocks > 1)
    clocks += k_cluster_barrier + static_cast<double>(sizeof(T)) * P.own * (form.blocks - 1) *
                                      form.columns / k_exchanged_bytes;
  return clocks;
}

/// Of each block, beside what it asks for (CUDA C++ Programming Guide, section 20).
constexpr std::size_t k_reserved_shared_bytes = 1024;

/// Room for blocks, or clusters, at the same time.
template <class T>
index_t room_for(const FixedPoint<T>& solve, const SparseForm& form, const SparseFactor<T>& P,
                 int multiprocessors, std::size_t most) {
  if (form.blocks > 1)
    return std::visit([&](const auto& map) { return sparse_clusters(map, form, P); }, solve.f);
  const std::size_t taken = static_cast<std::size_t>(P.shared_bytes) + k_reserved_shared_bytes;
  const bool two =
      P.slots <= few_register_slots<T>(form.columns) && 2 * taken <= most + k_reserved_shared_bytes;
  return index_t{two ? 2 : 1} * multiprocessors;
}

template <class T>
std::optional<SparsePlan<T>> best_plan(const FixedPoint<T>& solve,
                                       const std::vector<index_t>& lengths, int multiprocessors) {
  const auto n = static_cast<index_t>(lengths.size());
  const bool adjoint = std::holds_alternative<AdjointMap<T>>(solve.f);
  const std::size_t most = most_shared_bytes();
  std::optional<SparsePlan<T>> best;
  for (const int blocks : k_cluster_sizes) {
    const SlotCount count = count_slots(lengths, blocks);
    SparseFactor<T> P = {};
    P.blocks = blocks;
    P.run = count.run;
    P.slots = count.slots;
    P.own = static_cast<int>((n + blocks - 1) / blocks);
    P.levels = static_cast<int>((lengths[0] + count.run - 1) / count.run);
    const index_t positions = positions_of(index_t{blocks} * P.own);
    if (positions > k_most_positions) return best;
    P.positions = static_cast<int>(positions);
    for (const int columns : {1, 2, 4}) {
      if (columns * static_cast<int>(sizeof(T)) > k_alignment) break;
      const SparseForm form = {blocks, columns};
      if (!lay_out(P, form, adjoint, most)) break;
      const index_t room = room_for(solve, form, P, multiprocessors, most);
      if (room == 0) break;
      double clocks = clocks_of_iteration(form, P);
      if (solve.batch_invariant) {
        clocks *= static_cast<double>(blocks) / columns;
      } else {
        const index_t tiles = (solve.X.cols + columns - 1) / columns;
        clocks *= static_cast<double>((tiles + room - 1) / room);
      }
      const double seconds = clocks / k_clocks_per_second;
      if (!best || seconds < best->seconds) best = SparsePlan<T>{form, P, seconds, {}};
    }
  }
  return best;
}

template <class T>
bool is_such_a_loop(const FixedPoint<T>& solve) {
  return !solve.mix && solve.sweep == Sweep::jacobi && solve.decision.max_iterations > 0 &&
         solve.X.rows > 0 && solve.X.rows < k_most_positions &&
         factor_of(solve).nnz < index_t{1} << 31 && !applies_custom_activation(solve);
}

}  // namespace

template <class T>
std::optional<SparsePlan<T>> FusedSparseLoop::plan(LoopStrategy strategy,
                                                   const std::shared_ptr<Backend>& backend,
                                                   const FixedPoint<T>& solve,
                                                   int multiprocessors) {
  const bool forced = strategy == LoopStrategy::fused;
  if (!forced && strategy != LoopStrategy::automatic) return std::nullopt;
  std::optional<SparsePlan<T>> plan;
  if (is_such_a_loop(solve)) {
    const ConstCsrView<T> P = factor_of(solve);
    HostPattern pattern;
    pattern.row_offsets = fetch(*backend, P.row_offsets, P.rows + 1);
    pattern.col_indices = fetch(*backend, P.col_indices, P.nnz);
    check_pattern(pattern);
    plan = best_plan(solve, descending_lengths(pattern), multiprocessors);
    if (plan) plan->pattern = std::move(pattern);
  }
  if (forced && !plan && solve.decision.max_iterations > 0)
    throw NotSupported("this solve cannot run as one kernel");
  return plan;
}

template <class T>
FusedSparseLoop FusedSparseLoop::make(const std::shared_ptr<Backend>& backend,
                                      const FixedPoint<T>& solve, SparsePlan<T> plan) {
  const int at_once = 128 / (plan.form.columns * static_cast<int>(sizeof(T)));
  const SparseSlots slots = assign_slots(plan.pattern, plan.form.blocks, at_once);
  const auto memory = std::make_shared<LoopMemory>(backend);
  SparseFactor<T>& P = plan.P;
  P.values = factor_of(solve).values;
  P.rows = store(*backend, *memory, slots.rows);
  P.level_begins = store(*backend, *memory, slots.level_begins);
  P.entries = store(*backend, *memory, slots.entries);
  P.places = store(*backend, *memory, slots.places);
  return FusedSparseLoop(Solve<T>{solve, plan.form, P}, memory);
}

bool FusedSparseLoop::starts_by_itself() const {
  return std::visit([](const auto& it) { return starts_in_kernel(it.solve); }, solve_);
}

void FusedSparseLoop::launch(CUstream_st* stream) const {
  std::visit(
      [&](const auto& it) {
        std::visit([&](const auto& map) { run_fused_sparse(it.solve, map, it.form, it.P, stream); },
                   it.solve.f);
      },
      solve_);
}

template std::optional<SparsePlan<float>> FusedSparseLoop::plan(LoopStrategy,
                                                                const std::shared_ptr<Backend>&,
                                                                const FixedPoint<float>&, int);
template std::optional<SparsePlan<double>> FusedSparseLoop::plan(LoopStrategy,
                                                                 const std::shared_ptr<Backend>&,
                                                                 const FixedPoint<double>&, int);
template FusedSparseLoop FusedSparseLoop::make(const std::shared_ptr<Backend>&,
                                               const FixedPoint<float>&, SparsePlan<float>);
template FusedSparseLoop FusedSparseLoop::make(const std::shared_ptr<Backend>&,
                                               const FixedPoint<double>&, SparsePlan<double>);

}  // namespace idl::cuda
