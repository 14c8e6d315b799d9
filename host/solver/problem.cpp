// SPDX-License-Identifier: MIT
#include "host/solver/problem.hpp"

#include <cmath>
#include <limits>
#include <variant>

namespace idl::solver {
namespace {

template <class T>
FixedPoint<T> iteration_in(SolverMemory<T>& memory, const LinearMap<T>& A, MatrixView<T> state) {
  FixedPoint<T> solve;
  solve.A = A;
  solve.X = state;
  solve.product = memory.product;
  solve.inner = memory.inner.view().row_range(0, inner_rows(A));
  solve.columns = memory.iteration.columns();
  solve.step_norms = memory.iteration.step_norms();
  solve.state_norms = memory.iteration.state_norms();
  return solve;
}

}  // namespace

template <class T>
Sequence norms_of_A(const LinearMap<T>& A, bool transpose, VectorView<T> row_sums,
                    VectorView<T> partial_sums, const IterationState<T>& iteration) {
  Sequence sequence = row_abs_sum_steps<T>(A, row_sums, partial_sums);
  sequence.push_back(
      Reduce<T>{.x = row_sums, .result = iteration.A_norm(), .kind = ReduceKind::max});
  const auto* product = std::get_if<LowRankMap<T>>(&A);
  if (product == nullptr) return sequence;
  append(sequence,
         {RowAbsSums<T>{.A = transpose ? product->R : product->L, .sums = row_sums},
          Reduce<T>{.x = row_sums, .result = iteration.factor_norm(), .kind = ReduceKind::max}});
  return sequence;
}

template <class T>
Decision<T> decision_of(const Tolerance& tolerance, index_t terms,
                        const IterationState<T>& iteration) {
  return {.contraction = iteration.contraction(),
          .absolute = static_cast<T>(tolerance.absolute),
          .relative = static_cast<T>(tolerance.relative),
          // Below this, relative to the state, steps are noise: γ_{n+4} bounds one application's
          // rounding.
          .rounding = static_cast<T>(terms + 4) * std::numeric_limits<T>::epsilon() / T(2),
          .certified = tolerance.rule == StopRule::certified_bound,
          .max_iterations = tolerance.max_iterations};
}

template <class T>
Sequence contraction_steps(const Tolerance& tolerance, const LinearMap<T>& A,
                           const Activation& activation, VectorView<T> row_sums,
                           VectorView<T> partial_sums, const IterationState<T>& iteration) {
  if (tolerance.rule != StopRule::certified_bound) return {};
  // Rounded up, as the certificate does: γ of the sums, and κ itself.
  const double u = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2.0;
  const double up = 1.0 + gamma(static_cast<double>(terms_per_row(A)) + 4.0, u);
  const T scale = std::nextafter(static_cast<T>(lipschitz_constant(activation) * up),
                                 std::numeric_limits<T>::infinity());
  Sequence sequence = row_abs_sum_steps<T>(A, row_sums, partial_sums);
  sequence.push_back(Reduce<T>{
      .x = row_sums, .result = iteration.contraction(), .kind = ReduceKind::max, .scale = scale});
  return sequence;
}

template <class T>
SolverMemory<T> EquilibriumProblem<T>::make_memory(Context& context) const {
  return SolverMemory<T>(context, X.rows, X.cols, A, B);
}

template <class T>
SolverMemory<T> AdjointProblem<T>::make_memory(Context& context) const {
  SolverMemory<T> memory(context, V.rows, V.cols, A, C);
  memory.Psi = Matrix<T>(context, V.rows, V.cols);
  return memory;
}

template <class T>
Sequence EquilibriumProblem<T>::inputs(SolverMemory<T>& memory, bool batch_invariant) const {
  return product_steps<T>(B, U, memory.forcing, {.batch_invariant = batch_invariant}, memory.inner);
}

template <class T>
Sequence AdjointProblem<T>::inputs(SolverMemory<T>& memory, bool batch_invariant) const {
  Sequence sequence =
      product_steps<T>(A, X, memory.Psi, {.batch_invariant = batch_invariant}, memory.inner);
  append(sequence,
         product_steps<T>(C, dY, memory.forcing,
                          {.transpose = true, .batch_invariant = batch_invariant}, memory.inner));
  return sequence;
}

template <class T>
FixedPoint<T> EquilibriumProblem<T>::iteration(SolverMemory<T>& memory) const {
  FixedPoint<T> solve = iteration_in(memory, A, X);
  solve.f = PicardMap<T>{.Z = memory.forcing, .activation = activation};
  return solve;
}

template <class T>
FixedPoint<T> AdjointProblem<T>::iteration(SolverMemory<T>& memory) const {
  FixedPoint<T> solve = iteration_in(memory, A, V);
  solve.transpose = true;
  solve.f =
      AdjointMap<T>{.G = memory.forcing,
                    .Psi = memory.Psi,
                    .derivative = ActivationDerivative<T>{
                        .S = memory.Psi, .Z = Z, .Psi = memory.Psi, .activation = activation}};
  return solve;
}

template <class T>
Sequence EquilibriumProblem<T>::norms(SolverMemory<T>& memory) const {
  Sequence sequence = norms_of_A<T>(A, /*transpose=*/false, memory.A_row_sums, memory.partial_sums,
                                    memory.iteration);
  append(sequence, row_abs_sum_steps<T>(B, memory.B_row_sums, memory.partial_sums));
  append(sequence,
         {Reduce<T>{
              .x = memory.B_row_sums, .result = memory.iteration.B_norm(), .kind = ReduceKind::max},
          ColumnNorms<T>{.X = U, .norms = memory.iteration.forcing_norms()}});
  return sequence;
}

template <class T>
Sequence AdjointProblem<T>::norms(SolverMemory<T>& memory) const {
  Sequence sequence = norms_of_A<T>(A, /*transpose=*/true, memory.A_row_sums, memory.partial_sums,
                                    memory.iteration);
  sequence.push_back(ColumnNorms<T>{
      .X = memory.forcing, .norms = memory.iteration.forcing_norms(), .kind = NormKind::one});
  return sequence;
}

template <class T>
void EquilibriumProblem<T>::certify(const IterationRecord& record, const GainFallback& fallback,
                                    SolveReport& report) const {
  certify_state(record, arithmetic_of(A, terms_per_row(B), activation), fallback, report);
}

template <class T>
void AdjointProblem<T>::certify(const IterationRecord& record, const GainFallback& fallback,
                                SolveReport& report) const {
  certify_adjoint(record, arithmetic_of(A, 0, activation), fallback, report);
}

template Decision<float> decision_of(const Tolerance&, index_t, const IterationState<float>&);
template Decision<double> decision_of(const Tolerance&, index_t, const IterationState<double>&);
template Sequence norms_of_A(const LinearMap<float>&, bool, VectorView<float>, VectorView<float>,
                             const IterationState<float>&);
template Sequence norms_of_A(const LinearMap<double>&, bool, VectorView<double>, VectorView<double>,
                             const IterationState<double>&);
template Sequence contraction_steps(const Tolerance&, const LinearMap<float>&, const Activation&,
                                    VectorView<float>, VectorView<float>,
                                    const IterationState<float>&);
template Sequence contraction_steps(const Tolerance&, const LinearMap<double>&, const Activation&,
                                    VectorView<double>, VectorView<double>,
                                    const IterationState<double>&);
template struct EquilibriumProblem<float>;
template struct EquilibriumProblem<double>;
template struct AdjointProblem<float>;
template struct AdjointProblem<double>;

}  // namespace idl::solver
