// SPDX-License-Identifier: MIT
#include "host/solver/picard.hpp"

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "host/solver/iteration.hpp"
#include "host/solver/sweep.hpp"
#include "idl/error.hpp"

namespace idl::solver {

template <class T>
PicardSolver<T>::PicardSolver(Context& context, const EquilibriumProblem<T>& problem,
                              const Tolerance& tolerance, const LoopOptions& options)
    : context_(&context),
      problem_(problem),
      tolerance_(tolerance),
      options_(options),
      Z_(context, problem.X.rows, problem.X.cols),
      S_(context, problem.X.rows, problem.X.cols),
      A_row_sums_(context, problem.A.rows),
      B_row_sums_(context, problem.B.rows),
      iteration_(context, problem.X.cols) {
  if (options.acceleration == Acceleration::anderson) anderson_.emplace(context, problem.X);
  Backend& backend = *context.backend();
  norms_ = backend.compile(
      {RowAbsSums<T>{.A = problem_.A, .sums = A_row_sums_},
       Reduce<T>{.x = A_row_sums_, .result = iteration_.A_norm(), .kind = ReduceKind::max},
       RowAbsSums<T>{.A = problem_.B, .sums = B_row_sums_},
       Reduce<T>{.x = B_row_sums_, .result = iteration_.B_norm(), .kind = ReduceKind::max},
       ColumnNorms<T>{.X = problem_.U, .norms = iteration_.forcing_norms()}});
  make_refinement();
  compile();
}

/// X <- φ(S + Z).
template <class T>
PicardUpdate<T> PicardSolver<T>::update() {
  return {.S = S_,
          .Z = Z_,
          .X = problem_.X,
          .activation = problem_.activation,
          .step_norms = iteration_.step_norms(),
          .state_norms = iteration_.state_norms(),
          .status = iteration_.status()};
}

/// Each column's decision, and for those that go on the acceleration.
template <class T>
Sequence PicardSolver<T>::decision() {
  Sequence sequence = {update_status(iteration_, tolerance_, problem_.A.rows)};
  if (anderson_) sequence.push_back(anderson_->step(iteration_));
  return sequence;
}

template <class T>
Sequence PicardSolver<T>::step() {
  Sequence sequence = sweep_of(
      options_.sweep,
      Gemm<T>{
          .A = problem_.A, .B = problem_.X, .C = S_, .batch_invariant = options_.batch_invariant},
      update());
  append(sequence, decision());
  return sequence;
}

/// Z, and κ where the decision needs it.
template <class T>
Sequence PicardSolver<T>::inputs() {
  Sequence sequence = {Gemm<T>{
      .A = problem_.B, .B = problem_.U, .C = Z_, .batch_invariant = options_.batch_invariant}};
  if (tolerance_.rule == StopRule::certified_bound)
    append(sequence, contraction_of<T>(problem_.A, problem_.activation, A_row_sums_, iteration_));
  return sequence;
}

/// The start, and from zero the first iteration.
template <class T>
Sequence PicardSolver<T>::first_step() {
  Sequence sequence = {
      ResetStatus<T>{iteration_.columns(), iteration_.step_norms(), iteration_.state_norms()}};
  if (X0_.rows() > 0) {
    sequence.push_back(CopyMatrix<T>{.X = X0_, .Y = problem_.X});
    if (anderson_) sequence.push_back(anderson_->begin());
    return sequence;
  }
  sequence.push_back(Fill<T>{.Y = problem_.X});
  if (anderson_) sequence.push_back(anderson_->begin());
  if (tolerance_.max_iterations > 0) {
    sequence.push_back(Fill<T>{.Y = S_});
    sequence.push_back(update());
    append(sequence, decision());
  }
  return sequence;
}

template <class T>
void PicardSolver<T>::make_refinement() {
  if constexpr (std::is_same_v<T, float>) {
    if (!refines(options_, tolerance_, problem_.X)) return;
    RefinedLoop loop = {.A = problem_.A,
                        .X = problem_.X,
                        .F = Z_.view(),
                        .S = S_,
                        .step = step(),
                        .update = [this](auto W, auto R, const IterationState<float>& inner) {
                          return PicardUpdate<float>{.S = W,
                                                     .Z = R,
                                                     .X = problem_.X,
                                                     .activation = problem_.activation,
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
void PicardSolver<T>::compile() {
  Backend& backend = *context_->backend();
  Sequence before = inputs();
  std::shared_ptr<Program> loop;
  if (starts_from_zero() && !refinement_)
    loop = backend.compile_from_zero(step(), iteration_.active(), tolerance_.max_iterations);
  if (loop == nullptr) {
    append(before, first_step());
    loop =
        compile_loop(*context_, step(), iteration_,
                     tolerance_.max_iterations - (starts_from_zero() ? 1 : 0), options_.compaction);
  }
  if (refinement_) append(before, refinement_->prelude(starts_from_zero()));
  prelude_ = backend.compile(std::move(before));
  loop_ = std::move(loop);
}

template <class T>
bool PicardSolver<T>::start_from(std::optional<ConstMatrixView<T>> X0) {
  const index_t rows = problem_.X.rows;
  const index_t cols = problem_.X.cols;
  IDL_CHECK(!X0 || (X0->rows == rows && X0->cols == cols),
            "X0 is " + std::to_string(X0->rows) + "x" + std::to_string(X0->cols) +
                ", the state is " + std::to_string(rows) + "x" + std::to_string(cols));
  const bool had_start = X0_.rows() > 0;
  if (had_start && X0) copy<T>(*context_, *X0, X0_);
  if (had_start == X0.has_value()) return false;
  Matrix<T> before = std::exchange(X0_, Matrix<T>());
  try {
    if (X0) {
      X0_ = Matrix<T>(*context_, rows, cols);
      copy<T>(*context_, *X0, X0_);
    }
    compile();
  } catch (...) {
    X0_ = std::move(before);  // what the programs that there are begin with
    throw;
  }
  return true;
}

template <class T>
void PicardSolver<T>::launch() {
  prelude_->launch();
  if (refinement_)
    for (const auto& part : refinement_->parts(starts_from_zero())) part->launch();
  loop_->launch();
}

template <class T>
std::vector<std::shared_ptr<Program>> PicardSolver<T>::parts() const {
  std::vector<std::shared_ptr<Program>> all = {prelude_};
  if (refinement_)
    for (auto& part : refinement_->parts(starts_from_zero())) all.push_back(std::move(part));
  all.push_back(loop_);
  return all;
}

template <class T>
void PicardSolver<T>::report(SolveReport& report) {
  norms_->launch();
  const auto gain = gain_fallback<T>(*context_, problem_.A, problem_.activation);
  certify_state(iteration_.latest_record(),
                arithmetic_of<T>(problem_.A.rows, problem_.B.cols, problem_.activation),
                std::ref(gain), report);
}

template class PicardSolver<float>;
template class PicardSolver<double>;

}  // namespace idl::solver
