// SPDX-License-Identifier: MIT
#include "idl/certify.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>

#include "host/model/pass_parts.hpp"
#include "host/model/solve_warning.hpp"
#include "host/model/structure/structure.hpp"
#include "host/options/validate.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

constexpr double k_unbounded = std::numeric_limits<double>::infinity();

double up(double value) { return std::nextafter(value, k_unbounded); }

/// One application of the map: the plain iteration, ended after its first step.
SolverOptions one_application(SolverOptions options) {
  options.forward.max_iterations = 1;
  options.sweep = Sweep::jacobi;
  options.acceleration = Acceleration::none;
  options.precision = Precision::full;
  return options;
}

/// max |x_i − y_i|, or NaN where one of them is not finite.
template <class T>
double distance(std::span<const T> x, std::span<const T> y) {
  double largest = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double difference = std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
    if (!std::isfinite(difference)) return std::numeric_limits<double>::quiet_NaN();
    largest = std::max(largest, difference);
  }
  // Differences of doubles are rounded.
  return largest > 0.0 ? up(largest) : 0.0;
}

template <class T>
double largest_of(std::span<const T> x) {
  double largest = 0.0;
  for (const T value : x) largest = std::max(largest, static_cast<double>(std::abs(value)));
  return largest;
}

/// Whether a solve would end with such a step.
bool accepts(const Tolerance& tolerance, double step, double size, double contraction) {
  const double limit = tolerance.absolute + tolerance.relative * size;
  if (step == 0.0 || tolerance.rule == StopRule::step) return step <= limit || step == 0.0;
  return contraction < 1.0 && contraction / (1.0 - contraction) * step <= limit;
}

/// From the certificate of F(X), in column j of `report`, to that of X, which is `change` apart:
///   ‖F(X) − X‖ <= change + ‖δ‖,  F(X) computed with the error δ
///   ‖X − X*‖   <= change + ‖F(X) − X*‖
void step_back(SolveReport& report, std::size_t j, double change) {
  if (std::isnan(change)) {
    report.residual[j] = report.error_bound[j] = k_unbounded;
  } else {
    const double error = change > 0.0 ? up(change + report.error_bound[j]) : report.error_bound[j];
    // By substitution it is X* that was computed, and ‖F(X) − X‖ <= (1 + κ)‖X − X*‖.
    const bool substituted = report.step[j] == 0.0 && change > 0.0;
    // The residual of F(X) is bounded by κ·step + ‖δ‖, rounded up a few times.
    const double slack = 8.0 * std::numeric_limits<double>::epsilon() * report.residual[j];
    const double rounding =
        std::max(0.0, report.residual[j] - report.contraction * report.step[j]) + slack;
    report.residual[j] =
        substituted ? up(up(1.0 + report.contraction) * error) : up(change + rounding);
    report.error_bound[j] = error;
  }
  report.step[j] = change;
}

}  // namespace

template <class T>
SolveReport certify(Context& context, const ImplicitModel<T>& model,
                    std::type_identity_t<ConstMatrixView<T>> U,
                    std::type_identity_t<ConstMatrixView<T>> X, const SolverOptions& options) {
  const auto [n, p, q] = model.shape();
  const index_t m = X.cols;
  validate(options);
  IDL_CHECK(X.rows == n, "certify: X has " + std::to_string(X.rows) + " rows, the model has " +
                             std::to_string(n) + " states");
  IDL_CHECK(U.rows == p && U.cols == m, "certify: U is " + std::to_string(U.rows) + "x" +
                                            std::to_string(U.cols) + ", expected " +
                                            std::to_string(p) + "x" + std::to_string(m));
  Matrix<T> F(context, n, m);
  Matrix<T> Y(context, q, m);
  SolveReport report;
  detail::Inside<ImplicitModel<T>>::predict_unannounced(model, context, U, Y, F.view(), report,
                                                        one_application(options), X);
  const std::vector<T> given = download(context, X);
  const std::vector<T> applied = download(context, F);
  const auto size = static_cast<std::size_t>(n);
  for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
    const auto x = std::span<const T>(given).subspan(j * size, size);
    const auto f = std::span<const T>(applied).subspan(j * size, size);
    const double change = distance(x, f);
    step_back(report, j, change);
    if (std::isnan(change))
      report.status[j] = SolveStatus::diverged;
    else
      report.status[j] = accepts(options.forward, change, largest_of(f), report.contraction)
                             ? SolveStatus::converged
                             : SolveStatus::max_iterations;
  }
  return report;
}

template <class T>
SolveHistory solve_history(Context& context, const ImplicitModel<T>& model,
                           std::type_identity_t<ConstMatrixView<T>> U, const SolverOptions& options,
                           std::type_identity_t<std::optional<ConstMatrixView<T>>> X0) {
  validate(options);
  IDL_CHECK(U.rows == model.shape().inputs, "solve_history: U has " + std::to_string(U.rows) +
                                                " rows, the model has " +
                                                std::to_string(model.shape().inputs) + " inputs");
  SolveHistory history;
  history.steps.resize(static_cast<std::size_t>(U.cols));
  if (U.cols == 0) return history;
  BatchPass<T> pass(context, model, U.cols, {.solver = options, .backward = false});
  copy<T>(context, U, PassParts<T>::stacked_U(pass));
  if (X0) pass.start_from(*X0);
  const auto look = [&](const solver::IterationRecord& record) {
    for (std::size_t j = 0; j < history.steps.size(); ++j)
      if (static_cast<std::size_t>(record.iterations[j]) > history.steps[j].size())
        history.steps[j].push_back(record.step_norms[j]);
  };
  PassParts<T>::solve_by_iterations(pass, look, history.report);
  warn_unless_converged(context, history.report, "solve_history");
  return history;
}

template SolveReport certify(Context&, const ImplicitModel<float>&, ConstMatrixView<float>,
                             ConstMatrixView<float>, const SolverOptions&);
template SolveReport certify(Context&, const ImplicitModel<double>&, ConstMatrixView<double>,
                             ConstMatrixView<double>, const SolverOptions&);
template SolveHistory solve_history(Context&, const ImplicitModel<float>&, ConstMatrixView<float>,
                                    const SolverOptions&, std::optional<ConstMatrixView<float>>);
template SolveHistory solve_history(Context&, const ImplicitModel<double>&, ConstMatrixView<double>,
                                    const SolverOptions&, std::optional<ConstMatrixView<double>>);

}  // namespace idl
