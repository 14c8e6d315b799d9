// SPDX-License-Identifier: MIT
#include "host/solver/substitution_bounds.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "host/backend_of.hpp"

namespace idl::solver {
namespace {

template <class T>
SubstitutionGains gains_of(Context& context, const LinearMap<T>& A, double lipschitz) {
  if (const auto* sparse = std::get_if<CsrMap<T>>(&A)) {
    CsrArrays<T> arrays = download(context, sparse->A);
    return substitution_gains(
        CsrArrays<double>{.rows = arrays.rows,
                          .cols = arrays.cols,
                          .row_offsets = std::move(arrays.row_offsets),
                          .col_indices = std::move(arrays.col_indices),
                          .values = {arrays.values.begin(), arrays.values.end()}},
        sparse->longest_row, lipschitz);
  }
  const ConstMatrixView<T> entries = std::get<StrictlyUpperMap<T>>(A).A;
  const std::vector<T> values = download(context, entries);
  return substitution_gains(std::vector<double>(values.begin(), values.end()), entries.rows,
                            lipschitz);
}

/// In T and no smaller than the weight that is meant, nor so small that it might count as zero.
template <class T>
T weight(double value) {
  using Limits = std::numeric_limits<T>;
  const double rounded_up = value * (1.0 + 2.0 * static_cast<double>(Limits::epsilon()));
  if (rounded_up > static_cast<double>(Limits::max())) return Limits::infinity();
  return std::max(static_cast<T>(rounded_up), Limits::min());
}

/// The norms of the columns of X, whose rows are weighted.
template <class T>
std::vector<double> weighted_norms(Context& context, ConstMatrixView<T> X, NormKind kind,
                                   const std::vector<T>& weights) {
  Vector<T> device_weights(context, X.rows);
  Vector<T> norms(context, X.cols);
  upload<T>(context, weights, device_weights);
  backend_of(context)->run(
      ColumnNorms<T>{.X = X, .norms = norms, .kind = kind, .weights = device_weights});
  const std::vector<T> values = download<T>(context, norms);
  return {values.begin(), values.end()};
}

}  // namespace

template <class T>
void tighten(Context& context, const EquilibriumProblem<T>& problem, SolverMemory<T>&,
             const IterationRecord& record, SolveReport& report) {
  const Arithmetic arithmetic =
      arithmetic_of(problem.A, terms_per_row(problem.B), problem.activation);
  const SubstitutionGains gains =
      gains_of(context, problem.A, lipschitz_constant(problem.activation));
  if (!std::isfinite(gains.largest)) return;
  std::vector<T> weights;
  for (const double v : gains.v) weights.push_back(weight<T>(1.0 / v));
  const WeightedNorms norms = {
      .state = weighted_norms<T>(context, problem.X, NormKind::inf, weights), .forcing = {}};
  tighten_state(record, arithmetic, gains, norms, report);
}

template <class T>
void tighten(Context& context, const AdjointProblem<T>& problem, SolverMemory<T>& memory,
             const IterationRecord& record, SolveReport& report) {
  const Arithmetic arithmetic = arithmetic_of(problem.A, 0, problem.activation);
  const SubstitutionGains gains = gains_of(context, problem.A, adjoint_lipschitz(arithmetic));
  if (!std::isfinite(gains.largest)) return;
  std::vector<T> weights;
  for (const double v : gains.v) weights.push_back(weight<T>(v));
  const WeightedNorms norms = {
      .state = weighted_norms<T>(context, problem.V, NormKind::one, weights),
      .forcing = weighted_norms<T>(context, memory.forcing, NormKind::one, weights)};
  tighten_adjoint(record, arithmetic, gains, norms, report);
}

template void tighten(Context&, const EquilibriumProblem<float>&, SolverMemory<float>&,
                      const IterationRecord&, SolveReport&);
template void tighten(Context&, const EquilibriumProblem<double>&, SolverMemory<double>&,
                      const IterationRecord&, SolveReport&);
template void tighten(Context&, const AdjointProblem<float>&, SolverMemory<float>&,
                      const IterationRecord&, SolveReport&);
template void tighten(Context&, const AdjointProblem<double>&, SolverMemory<double>&,
                      const IterationRecord&, SolveReport&);

}  // namespace idl::solver
