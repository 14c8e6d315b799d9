// SPDX-License-Identifier: MIT
#include "host/solver/fixed_point_solver.hpp"

#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "host/backend_of.hpp"
#include "host/solver/substitution_bounds.hpp"
#include "idl/error.hpp"

namespace idl::solver {

template <class T>
template <class Problem>
FixedPointSolver<T>::FixedPointSolver(Context& context, const Problem& problem,
                                      const Tolerance& tolerance, const SolverOptions& options)
    : context_(&context),
      problem_(problem),
      tolerance_(tolerance),
      options_(options),
      memory_(problem.make_memory(context)) {
  const MatrixView<T> X = problem.state();
  if (options.acceleration == Acceleration::anderson) anderson_.emplace(context, X.rows, X.cols);
  compile();
  norms_ = backend_of(context)->compile(problem.norms(memory_));
}

template <class T>
FixedPointSolver<T>::FixedPointSolver(Context& context, const EquilibriumProblem<T>& problem,
                                      const SolverOptions& options)
    : FixedPointSolver(context, problem, options.forward, options) {}

template <class T>
FixedPointSolver<T>::FixedPointSolver(Context& context, const AdjointProblem<T>& problem,
                                      const SolverOptions& options)
    : FixedPointSolver(context, problem, options.adjoint, options) {}

template <class T>
LinearMap<T> FixedPointSolver<T>::A() const {
  return std::visit([](const auto& problem) { return problem.A; }, problem_);
}

template <class T>
MatrixView<T> FixedPointSolver<T>::X() const {
  return std::visit([](const auto& problem) { return problem.state(); }, problem_);
}

template <class T>
Activation FixedPointSolver<T>::activation() const {
  return std::visit([](const auto& problem) { return problem.activation; }, problem_);
}

/// What the loop is given, the start among it, and κ where the decision needs it.
template <class T>
Sequence FixedPointSolver<T>::inputs() {
  Sequence sequence = std::visit(
      [&](const auto& problem) { return problem.inputs(memory_, options_.batch_invariant); },
      problem_);
  append(sequence, contraction_steps<T>(tolerance_, A(), activation(), memory_.A_row_sums,
                                        memory_.partial_sums, memory_.iteration));
  if (X0_.rows() > 0) sequence.push_back(CopyMatrix<T>{.X = X0_, .Y = X()});
  return sequence;
}

template <class T>
FixedPoint<T> FixedPointSolver<T>::description() {
  FixedPoint<T> solve =
      std::visit([&](const auto& problem) { return problem.iteration(memory_); }, problem_);
  solve.batch_invariant = options_.batch_invariant;
  solve.decision = decision_of(tolerance_, terms_per_row(solve.A), memory_.iteration);
  solve.sweep = options_.sweep == Sweep::gauss_seidel ? Sweep::gauss_seidel : Sweep::jacobi;
  if (anderson_) solve.mix = anderson_->view();
  solve.start = X0_.rows() > 0 ? SolveStart::given : SolveStart::zero;
  solve.low_precision = options_.precision == Precision::automatic;
  return solve;
}

template <class T>
void FixedPointSolver<T>::compile() {
  Backend& backend = *backend_of(*context_);
  std::shared_ptr<Program> loop = backend.compile(description());
  inputs_ = backend.compile(inputs());
  loop_ = std::move(loop);
}

template <class T>
bool FixedPointSolver<T>::start_from(std::optional<ConstMatrixView<T>> X0) {
  const MatrixView<T> X = this->X();
  IDL_CHECK(!X0 || (X0->rows == X.rows && X0->cols == X.cols),
            "X0 is " + std::to_string(X0->rows) + "x" + std::to_string(X0->cols) +
                ", the state is " + std::to_string(X.rows) + "x" + std::to_string(X.cols));
  const bool had_start = X0_.rows() > 0;
  if (had_start && X0) copy<T>(*context_, *X0, X0_);
  if (had_start == X0.has_value()) return false;
  Matrix<T> before = std::exchange(X0_, Matrix<T>());
  try {
    if (X0) {
      X0_ = Matrix<T>(*context_, X.rows, X.cols);
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
void FixedPointSolver<T>::launch() {
  iterated_ = false;
  inputs_->launch();
  loop_->launch();
}

template <class T>
void FixedPointSolver<T>::launch_by_iterations(
    const std::function<void(const IterationRecord&)>& look) {
  Backend& backend = *backend_of(*context_);
  iterated_ = true;
  inputs_->launch();
  const SolveSteps steps = steps_of(description());
  const auto iteration = backend.compile(steps.iteration);
  const auto any_runs = [&] { return download(*context_, memory_.iteration.active()).front() > 0; };
  backend.run_in_order(steps.start);
  look(memory_.iteration.latest_record());
  // Of no iterations the columns never hear that they have made them.
  for (std::int32_t k = 0; k < tolerance_.max_iterations && any_runs(); ++k) {
    iteration->launch();
    look(memory_.iteration.latest_record());
  }
}

template <class T>
FixedPointSolver<T>::AbsProgram::AbsProgram(Context& context, const LinearMap<T>& A)
    : v(context, cols(A)),
      product(context, rows(A)),
      partial(context, partial_sums(A)),
      program(backend_of(context)->compile(
          abs_product_steps<T>(A, v.view(), product.view(), partial.view()))) {}

template <class T>
double FixedPointSolver<T>::gain() {
  const LinearMap<T> A = this->A();
  if (!has_abs_product(A)) return std::numeric_limits<double>::infinity();
  if (!abs_) abs_.emplace(*context_, A);
  const auto apply = [&](const std::vector<double>& v) {
    upload<double>(*context_, v, abs_->v);
    abs_->program->launch();
    return download<double>(*context_, abs_->product.view());
  };
  return perron_gain({.n = rows(A),
                      .terms = terms_per_row(A),
                      .least_normal = static_cast<double>(std::numeric_limits<T>::min()),
                      .apply = apply},
                     lipschitz_constant(activation()));
}

template <class T>
void FixedPointSolver<T>::report(SolveReport& report) {
  norms_->launch();
  // By substitution there is a better bound than that of a Perron vector, but for blocks.
  const bool substituted = !iterated_ && loop_->strategy() == LoopStrategy::substitution &&
                           !std::holds_alternative<BlocksMap<T>>(A());
  const auto gain = [&] {
    return substituted ? std::numeric_limits<double>::infinity() : this->gain();
  };
  const IterationRecord& record = memory_.iteration.latest_record();
  std::visit([&](const auto& problem) { problem.certify(record, std::ref(gain), report); },
             problem_);
  if (!substituted || report.contraction < 1.0) return;
  std::visit([&](const auto& problem) { tighten(*context_, problem, memory_, record, report); },
             problem_);
}

template class FixedPointSolver<float>;
template class FixedPointSolver<double>;

}  // namespace idl::solver
