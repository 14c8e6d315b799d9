// SPDX-License-Identifier: MIT
#include "host/solver/adjoint.hpp"

#include <functional>
#include <type_traits>
#include <utility>

#include "host/solver/iteration.hpp"
#include "host/solver/sweep.hpp"

namespace idl::solver {

template <class T>
AdjointSolver<T>::AdjointSolver(Context& context, const AdjointProblem<T>& problem,
                                const Tolerance& tolerance, const LoopOptions& options)
    : context_(&context),
      problem_(problem),
      tolerance_(tolerance),
      options_(options),
      Psi_(context, problem.V.rows, problem.V.cols),
      G_(context, problem.V.rows, problem.V.cols),
      W_(context, problem.V.rows, problem.V.cols),
      A_row_sums_(context, problem.A.rows),
      iteration_(context, problem.V.cols) {
  if (options.acceleration == Acceleration::anderson) anderson_.emplace(context, problem.V);
  make_refinement();
  compile();
  Backend& backend = *context.backend();
  norms_ = backend.compile(
      {RowAbsSums<T>{.A = problem_.A, .sums = A_row_sums_},
       Reduce<T>{.x = A_row_sums_, .result = iteration_.A_norm(), .kind = ReduceKind::max},
       ColumnNorms<T>{.X = G_, .norms = iteration_.forcing_norms(), .kind = NormKind::one}});
}

/// V <- Ψ∘(W + G).
template <class T>
AdjointUpdate<T> AdjointSolver<T>::update() {
  return {.W = W_,
          .G = G_,
          .Psi = Psi_,
          .V = problem_.V,
          .step_norms = iteration_.step_norms(),
          .state_norms = iteration_.state_norms(),
          .status = iteration_.status()};
}

/// Each column's decision, and for those that go on the acceleration.
template <class T>
Sequence AdjointSolver<T>::decision() {
  Sequence sequence = {update_status(iteration_, tolerance_, problem_.A.rows)};
  if (anderson_) sequence.push_back(anderson_->step(iteration_));
  return sequence;
}

template <class T>
Sequence AdjointSolver<T>::step() {
  Sequence sequence = sweep_of(options_.sweep,
                               Gemm<T>{.A = problem_.A,
                                       .B = problem_.V,
                                       .C = W_,
                                       .transpose_A = true,
                                       .batch_invariant = options_.batch_invariant},
                               update());
  append(sequence, decision());
  return sequence;
}

/// AX in the place of Ψ, G, and κ where the decision needs it.
template <class T>
Sequence AdjointSolver<T>::inputs() {
  Sequence sequence = {
      Gemm<T>{
          .A = problem_.A, .B = problem_.X, .C = Psi_, .batch_invariant = options_.batch_invariant},
      Gemm<T>{.A = problem_.C,
              .B = problem_.dY,
              .C = G_,
              .transpose_A = true,
              .batch_invariant = options_.batch_invariant}};
  if (tolerance_.rule == StopRule::certified_bound)
    append(sequence, contraction_of<T>(problem_.A, problem_.activation, A_row_sums_, iteration_));
  return sequence;
}

template <class T>
ActivationDerivative<T> AdjointSolver<T>::derivative() {
  return {.S = Psi_, .Z = problem_.Z, .Psi = Psi_, .activation = problem_.activation};
}

/// V = 0 and the first iteration.
template <class T>
Sequence AdjointSolver<T>::first_step() {
  Sequence sequence = {
      derivative(),
      ResetStatus<T>{iteration_.columns(), iteration_.step_norms(), iteration_.state_norms()},
      Fill<T>{.Y = problem_.V}};
  if (anderson_) sequence.push_back(anderson_->begin());
  if (tolerance_.max_iterations > 0) {
    sequence.push_back(Fill<T>{.Y = W_});
    sequence.push_back(update());
    append(sequence, decision());
  }
  return sequence;
}

template <class T>
void AdjointSolver<T>::compile() {
  Backend& backend = *context_->backend();
  Sequence before = inputs();
  if (tolerance_.max_iterations > 0 && !refinement_) {
    Sequence whole = {derivative()};
    append(whole, step());
    loop_ = backend.compile_from_zero(whole, iteration_.active(), tolerance_.max_iterations);
  }
  if (loop_ == nullptr) {
    append(before, first_step());
    const int first_done = tolerance_.max_iterations > 0 ? 1 : 0;
    loop_ = compile_loop(*context_, step(), iteration_, tolerance_.max_iterations - first_done,
                         options_.compaction);
  }
  if (refinement_) append(before, refinement_->prelude(true));
  prelude_ = backend.compile(std::move(before));
}

template <class T>
void AdjointSolver<T>::make_refinement() {
  if constexpr (std::is_same_v<T, float>) {
    if (!refines(options_, tolerance_, problem_.V)) return;
    RefinedLoop loop = {.A = problem_.A,
                        .transpose_A = true,
                        .X = problem_.V,
                        .F = G_.view(),
                        .S = W_,
                        .step = step(),
                        .update = [this](auto W, auto R, const IterationState<float>& inner) {
                          return AdjointUpdate<float>{.W = W,
                                                      .G = R,
                                                      .Psi = Psi_,
                                                      .V = problem_.V,
                                                      .step_norms = inner.step_norms(),
                                                      .state_norms = inner.state_norms(),
                                                      .status = inner.status()};
                        }};
    refinement_ =
        std::make_unique<Refinement>(*context_, std::move(loop), iteration_,
                                     update_status(iteration_, tolerance_, problem_.A.rows));
  }
}

template <class T>
void AdjointSolver<T>::launch() {
  prelude_->launch();
  if (refinement_)
    for (const auto& part : refinement_->parts(true)) part->launch();
  loop_->launch();
}

template <class T>
std::vector<std::shared_ptr<Program>> AdjointSolver<T>::parts() const {
  std::vector<std::shared_ptr<Program>> all = {prelude_};
  if (refinement_)
    for (auto& part : refinement_->parts(true)) all.push_back(std::move(part));
  all.push_back(loop_);
  return all;
}

template <class T>
void AdjointSolver<T>::report(SolveReport& report) {
  norms_->launch();
  const auto gain = gain_fallback<T>(*context_, problem_.A, problem_.activation);
  certify_adjoint(iteration_.latest_record(),
                  arithmetic_of<T>(problem_.A.rows, 0, problem_.activation), std::ref(gain),
                  report);
}

template class AdjointSolver<float>;
template class AdjointSolver<double>;

}  // namespace idl::solver
