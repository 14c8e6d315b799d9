// SPDX-License-Identifier: MIT
#include "kernels/cuda/loop/fused_loop.hpp"

#include "idl/error.hpp"

namespace idl::cuda {
namespace {

/// An iteration of a round takes about 1 µs (estimated: 2·n²·m operations at a third of the peak,
/// and the cluster's barrier), one of a loop of products about 5 µs.
constexpr index_t k_most_rounds = 4;

}  // namespace

template <class T>
std::optional<FusedLoop> FusedLoop::fit(const FixedPoint<T>& solve, int multiprocessors) {
  const auto A = entries_of(solve.A);
  // The kernels of the state read A by rows, those of the adjoint by columns.
  const bool adjoint = std::holds_alternative<AdjointMap<T>>(solve.f);
  if (!A || A->rows == 0 || solve.transpose != adjoint || solve.mix ||
      solve.sweep != Sweep::jacobi || solve.decision.max_iterations == 0)
    return std::nullopt;
  const index_t rounds = std::visit(
      [&](const auto& map) { return fused_rounds(solve.X, map, multiprocessors); }, solve.f);
  if (rounds == 0) return std::nullopt;
  return FusedLoop(solve, multiprocessors, rounds);
}

template <class T>
std::optional<FusedLoop> FusedLoop::choose(LoopStrategy strategy, const FixedPoint<T>& solve,
                                           int multiprocessors) {
  const bool forced = strategy == LoopStrategy::fused;
  if (!forced && strategy != LoopStrategy::automatic) return std::nullopt;
  const auto loop = fit(solve, multiprocessors);
  // A solve of no iteration is no loop, however it is asked for.
  if (forced && !loop && solve.decision.max_iterations > 0)
    throw NotSupported("this solve cannot run as one kernel");
  return loop && (forced || loop->worthwhile()) ? loop : std::nullopt;
}

bool FusedLoop::worthwhile() const {
  // A choice by the number of columns would change the bits with it.
  return rounds_ <= k_most_rounds ||
         std::visit([](const auto& solve) { return solve.batch_invariant; }, solve_);
}

bool FusedLoop::starts_by_itself() const {
  return std::visit([](const auto& solve) { return starts_in_kernel(solve); }, solve_);
}

void FusedLoop::launch(CUstream_st* stream) const {
  std::visit(
      [&](const auto& solve) {
        std::visit([&](const auto& map) { run_fused(solve, map, multiprocessors_, stream); },
                   solve.f);
      },
      solve_);
}

template std::optional<FusedLoop> FusedLoop::fit(const FixedPoint<float>&, int);
template std::optional<FusedLoop> FusedLoop::fit(const FixedPoint<double>&, int);
template std::optional<FusedLoop> FusedLoop::choose(LoopStrategy, const FixedPoint<float>&, int);
template std::optional<FusedLoop> FusedLoop::choose(LoopStrategy, const FixedPoint<double>&, int);

}  // namespace idl::cuda
