// SPDX-License-Identifier: MIT
#include "kernels/cuda/loop/fused_loop.hpp"

#include "idl/error.hpp"

namespace idl::cuda {
namespace {

/// An iteration of a round takes about 1 µs (estimated: 2·n²·m operations at a third of the peak,
/// and the cluster's barrier), one of a loop of products about 5 µs.
constexpr index_t k_most_rounds = 4;

template <class T>
PicardLoop<T> loop_of(const FixedPoint<T>& solve, const PicardMap<T>&, const Gemm<T>& product) {
  return {product, std::get<PicardUpdate<T>>(update_of(solve)), decision_of(solve)};
}
template <class T>
AdjointLoop<T> loop_of(const FixedPoint<T>& solve, const AdjointMap<T>& map,
                       const Gemm<T>& product) {
  AdjointLoop<T> loop = {product, std::get<AdjointUpdate<T>>(update_of(solve)), decision_of(solve)};
  if (solve.start == SolveStart::zero) loop.derivative = map.derivative;
  return loop;
}

}  // namespace

template <class T>
std::optional<FusedLoop> FusedLoop::fit(const FixedPoint<T>& solve, int multiprocessors) {
  const auto A = entries_of(solve.A);
  // The kernels of the state read A by rows, those of the adjoint by columns.
  const bool adjoint = std::holds_alternative<AdjointMap<T>>(solve.f);
  if (!A || A->rows == 0 || solve.transpose != adjoint || solve.mix ||
      solve.sweep != Sweep::jacobi || solve.decision.max_iterations == 0)
    return std::nullopt;
  const Gemm<T> product = {.A = *A,
                           .B = solve.X,
                           .C = solve.product,
                           .transpose_A = solve.transpose,
                           .batch_invariant = solve.batch_invariant};
  return std::visit(
      [&](const auto& map) -> std::optional<FusedLoop> {
        const auto loop = loop_of(solve, map, product);
        const index_t rounds = fused_rounds(loop, multiprocessors);
        if (rounds == 0) return std::nullopt;
        return FusedLoop(loop, multiprocessors, rounds, solve.start == SolveStart::zero);
      },
      solve.f);
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
         std::visit([](const auto& loop) { return loop.product.batch_invariant; }, loop_);
}

void FusedLoop::launch(CUstream_st* stream) const {
  std::visit(
      [&](const auto& loop) {
        run_fused(loop, {loop.decision.max_iterations, multiprocessors_, from_zero_}, stream);
      },
      loop_);
}

template std::optional<FusedLoop> FusedLoop::fit(const FixedPoint<float>&, int);
template std::optional<FusedLoop> FusedLoop::fit(const FixedPoint<double>&, int);
template std::optional<FusedLoop> FusedLoop::choose(LoopStrategy, const FixedPoint<float>&, int);
template std::optional<FusedLoop> FusedLoop::choose(LoopStrategy, const FixedPoint<double>&, int);

}  // namespace idl::cuda
