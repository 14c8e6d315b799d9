// SPDX-License-Identifier: MIT
#include "kernels/cuda/loop/fused_loop.hpp"

#include "idl/error.hpp"

namespace idl::cuda {
namespace {

template <class View, class Other>
bool same_matrix(const View& a, const Other& b) {
  return a.data == b.data && a.ld == b.ld && a.rows == b.rows && a.cols == b.cols;
}

/// Whether the product takes the state to the update, and nothing else to nowhere else.
template <class T>
bool product_fits(const Gemm<T>& product, const MatrixView<T>& state,
                  const ConstMatrixView<T>& result) {
  return product.A.rows == product.A.cols && product.A.rows > 0 && !product.transpose_B &&
         product.alpha == T(1) && product.beta == T(0) && same_matrix(product.B, state) &&
         same_matrix(product.C, result);
}

/// Whether the decision is about the columns that the update has measured.
template <class T, class Update>
bool decision_fits(const UpdateStatus<T>& decision, const Update& update,
                   VectorView<const std::int32_t> active) {
  return !update.join && decision.step_norms.data == update.step_norms.data &&
         decision.state_norms.data == update.state_norms.data &&
         decision.columns.status.data == update.status.data &&
         decision.columns.active.data == active.data;
}

template <class T>
std::optional<PicardLoop<T>> picard_loop(const Sequence& steps,
                                         VectorView<const std::int32_t> active) {
  const auto* product = std::get_if<Gemm<T>>(&steps[0]);
  const auto* update = std::get_if<PicardUpdate<T>>(&steps[1]);
  const auto* decision = std::get_if<UpdateStatus<T>>(&steps[2]);
  if (product == nullptr || update == nullptr || decision == nullptr) return std::nullopt;
  if (product->transpose_A || !product_fits<T>(*product, update->X, update->S) ||
      !decision_fits(*decision, *update, active))
    return std::nullopt;
  return PicardLoop<T>{*product, *update, *decision};
}

template <class T>
std::optional<AdjointLoop<T>> adjoint_loop(const Sequence& steps,
                                           VectorView<const std::int32_t> active) {
  const auto* product = std::get_if<Gemm<T>>(&steps[0]);
  const auto* update = std::get_if<AdjointUpdate<T>>(&steps[1]);
  const auto* decision = std::get_if<UpdateStatus<T>>(&steps[2]);
  if (product == nullptr || update == nullptr || decision == nullptr) return std::nullopt;
  if (!product->transpose_A || !product_fits<T>(*product, update->V, update->W) ||
      !decision_fits(*decision, *update, active))
    return std::nullopt;
  return AdjointLoop<T>{*product, *update, *decision};
}

/// Whether what precedes the loop is what it may do itself: nothing for the state, the derivative
/// that it holds for the adjoint.
template <class T>
bool take_derivative(PicardLoop<T>&, const Sequence& sequence) {
  return sequence.size() == 3;
}
template <class T>
bool take_derivative(AdjointLoop<T>& loop, const Sequence& sequence) {
  if (sequence.size() == 3) return true;
  const auto* derivative = std::get_if<ActivationDerivative<T>>(&sequence[0]);
  if (sequence.size() != 4 || derivative == nullptr ||
      !same_matrix(derivative->Psi, loop.update.Psi))
    return false;
  loop.derivative = *derivative;
  return true;
}

/// An iteration of a round takes about 1 µs (estimated: 2·n²·m operations at a third of the peak,
/// and the cluster's barrier), one of a loop of products about 5 µs.
constexpr index_t k_most_rounds = 4;

}  // namespace

std::optional<FusedLoop> FusedLoop::match(const Sequence& sequence,
                                          VectorView<const std::int32_t> active,
                                          int multiprocessors) {
  if (sequence.size() != 3) return std::nullopt;
  const auto fitting = [&](const auto& loop) -> std::optional<FusedLoop> {
    if (!loop) return std::nullopt;
    const index_t rounds = fused_rounds(*loop, multiprocessors);
    if (rounds == 0) return std::nullopt;
    return FusedLoop(*loop, multiprocessors, rounds);
  };
  if (const auto loop = fitting(picard_loop<float>(sequence, active))) return loop;
  if (const auto loop = fitting(picard_loop<double>(sequence, active))) return loop;
  if (const auto loop = fitting(adjoint_loop<float>(sequence, active))) return loop;
  return fitting(adjoint_loop<double>(sequence, active));
}

std::optional<FusedLoop> FusedLoop::match_from_zero(const Sequence& sequence,
                                                    VectorView<const std::int32_t> active,
                                                    int multiprocessors,
                                                    std::int32_t max_iterations) {
  if (sequence.size() < 3) return std::nullopt;
  auto loop = match({sequence.end() - 3, sequence.end()}, active, multiprocessors);
  if (!loop) return std::nullopt;
  const bool fits = std::visit(
      [&](auto& form) {
        return form.decision.max_iterations <= max_iterations && take_derivative(form, sequence);
      },
      loop->loop_);
  if (!fits) return std::nullopt;
  loop->from_zero_ = true;
  return loop;
}

std::optional<FusedLoop> FusedLoop::choose(LoopStrategy strategy, const Sequence& sequence,
                                           VectorView<const std::int32_t> active,
                                           int multiprocessors, std::int32_t until) {
  const bool forced = strategy == LoopStrategy::fused;
  if (until != 0 || (!forced && strategy != LoopStrategy::automatic)) return std::nullopt;
  const auto loop = match(sequence, active, multiprocessors);
  if (forced && !loop) throw NotSupported("this loop cannot run as one kernel");
  return loop && (forced || loop->worthwhile()) ? loop : std::nullopt;
}

std::optional<FusedLoop> FusedLoop::choose_from_zero(LoopStrategy strategy,
                                                     const Sequence& sequence,
                                                     VectorView<const std::int32_t> active,
                                                     int multiprocessors,
                                                     std::int32_t max_iterations) {
  const bool forced = strategy == LoopStrategy::fused;
  if (!forced && strategy != LoopStrategy::automatic) return std::nullopt;
  const auto loop = match_from_zero(sequence, active, multiprocessors, max_iterations);
  return loop && (forced || loop->worthwhile()) ? loop : std::nullopt;
}

bool FusedLoop::worthwhile() const {
  // A choice by the number of columns would change the bits with it.
  return rounds_ <= k_most_rounds ||
         std::visit([](const auto& loop) { return loop.product.batch_invariant; }, loop_);
}

void FusedLoop::launch(std::int32_t max_iterations, CUstream_st* stream) const {
  const FusedRun run = {max_iterations, multiprocessors_, from_zero_};
  std::visit([&](const auto& loop) { run_fused(loop, run, stream); }, loop_);
}

}  // namespace idl::cuda
