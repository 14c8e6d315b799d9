// SPDX-License-Identifier: MIT
#include "host/solver/certificates.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace idl::solver {
namespace {

constexpr double k_infinity = std::numeric_limits<double>::infinity();

/// Error of a sum of `terms` products of numbers up to `a` and `x` in which subnormal factors,
/// products and sums may have been taken for zero; roundings before and after it included.
double underflow(const Arithmetic& arithmetic, double terms, double a, double x) {
  return arithmetic.least_normal * (terms + 8.0) * (8.0 + a + x);
}

/// What underflow in RᵀX adds, where A = LRᵀ, and in LᵀV; ‖x‖ <= x.
double factor_underflow(const IterationRecord& record, const Arithmetic& arithmetic, double x) {
  if (!arithmetic.has_factors) return 0.0;
  return record.factor_norm * (1.0 + gamma(arithmetic.states + 1.0, arithmetic.unit_roundoff)) *
         underflow(arithmetic, arithmetic.rows, 0.0, x);
}

/// Error of evaluating φ in floating point, beyond the rounding of its argument. Exact for relu,
/// identity, abs and sat; one product for leaky_relu; a few ulps of the value and of 1 for the
/// others.
double evaluation_error(const Activation& activation, double x_norm, double u) {
  switch (activation.kind) {
    case ActivationKind::relu:
    case ActivationKind::identity:
    case ActivationKind::abs:
    case ActivationKind::sat:
      return 0.0;
    case ActivationKind::leaky_relu:
      return 2.0 * u * x_norm;
    default:
      return 8.0 * u * (x_norm + std::max(1.0, std::abs(activation.alpha)));
  }
}

/// The parts of a bound that all columns share.
struct Bounds {
  double A_norm = 0;  ///< ‖A‖∞, rounded up
  double contraction = 0;
  double gain = 0;
};

Bounds shared_bounds(const IterationRecord& record, const Arithmetic& arithmetic, double L,
                     const GainFallback& fallback) {
  Bounds bounds;
  // The device summed each row in the element type or better.
  bounds.A_norm = record.A_norm * (1.0 + gamma(arithmetic.states + 1.0, arithmetic.unit_roundoff));
  bounds.contraction = L * bounds.A_norm;
  bounds.gain = bounds.contraction < 1.0 ? 1.0 / (1.0 - bounds.contraction)
                                         : (fallback ? fallback() : k_infinity);
  return bounds;
}

/// Fills the report from a function that bounds ‖δ‖ of one column.
template <class RoundingOfColumn>
void certify(const IterationRecord& record, const Bounds& bounds, SolveReport& report,
             RoundingOfColumn&& rounding_of) {
  const std::size_t columns = record.status.size();
  report.status = record.status;
  report.iterations = record.iterations;
  report.fallbacks = record.fallbacks;
  report.low_precision_iterations = record.low_iterations;
  report.contraction = bounds.contraction;
  report.step = record.step_norms;
  report.residual.assign(columns, k_infinity);
  report.error_bound.assign(columns, k_infinity);
  for (std::size_t j = 0; j < columns; ++j) {
    const double step = record.step_norms[j];
    if (report.status[j] == SolveStatus::diverged || !std::isfinite(step)) continue;
    const double residual = bounds.contraction * step + rounding_of(j);
    if (std::isnan(residual)) continue;
    report.residual[j] = residual;
    // A gain of infinity times a residual of zero bounds nothing.
    report.error_bound[j] = std::isfinite(bounds.gain) ? bounds.gain * residual : k_infinity;
  }
}

/// Of a sum of computed products with weights, which were rounded too.
double rounded_up(double norm, const Arithmetic& arithmetic) {
  return norm * (1.0 + 8.0 * arithmetic.unit_roundoff) + arithmetic.least_normal;
}

/// Smaller bounds, of the columns that have one at all.
template <class BoundsOfColumn>
void tighten(SolveReport& report, BoundsOfColumn&& bounds_of) {
  for (std::size_t j = 0; j < report.status.size(); ++j) {
    if (report.status[j] == SolveStatus::diverged || !std::isfinite(report.step[j])) continue;
    const auto [residual, error] = bounds_of(j);
    if (residual < report.residual[j]) report.residual[j] = residual;
    if (error < report.error_bound[j]) report.error_bound[j] = error;
  }
}

struct ColumnBounds {
  double residual;
  double error;
};

/// From finish(j, x, up), which ends x_j, with the factor `up`, where it depends on rows after j.
template <class Finish>
SubstitutionGains gains_from(index_t n, index_t terms, const Finish& finish) {
  const auto size = static_cast<std::size_t>(n);
  // Of the sum that makes an entry, so that what is computed exceeds what is meant.
  const double up = 1.0 + 2.0 * gamma(static_cast<double>(terms) + 4.0, 0x1p-53);
  const auto substitute = [&](std::vector<double>& x) {
    for (std::size_t j = size; j-- > 0;) finish(j, x, up);
  };
  SubstitutionGains gains = {.v = std::vector<double>(size, 1.0)};
  substitute(gains.v);
  std::vector<double> of_products = gains.v;
  for (double& value : of_products) value -= 1.0;
  substitute(of_products);
  for (std::size_t i = 0; i < size; ++i) {
    gains.largest = std::max(gains.largest, gains.v[i]);
    gains.of_products = std::max(gains.of_products, of_products[i]);
  }
  return gains;
}

}  // namespace

double gamma(double k, double u) { return k * u < 1.0 ? k * u / (1.0 - k * u) : k_infinity; }

double adjoint_lipschitz(const Arithmetic& arithmetic) {
  return lipschitz_constant(arithmetic.activation) * (1.0 + 16.0 * arithmetic.unit_roundoff);
}

void certify_state(const IterationRecord& record, const Arithmetic& arithmetic,
                   const GainFallback& fallback, SolveReport& report) {
  const double u = arithmetic.unit_roundoff;
  const double L = lipschitz_constant(arithmetic.activation);
  const Bounds bounds = shared_bounds(record, arithmetic, L, fallback);
  const double B_norm = record.B_norm * (1.0 + gamma(arithmetic.inputs + 1.0, u));
  const auto rounding_of = [&](std::size_t j) {
    const double x = record.state_norms[j];
    const double x_previous = x + record.step_norms[j];
    return L * (gamma(arithmetic.states + 2.0, u) * bounds.A_norm * x_previous +
                gamma(arithmetic.inputs + 2.0, u) * B_norm * record.forcing_norms[j] +
                underflow(arithmetic, arithmetic.states, bounds.A_norm, x_previous) +
                factor_underflow(record, arithmetic, x_previous) +
                underflow(arithmetic, arithmetic.inputs, B_norm, record.forcing_norms[j])) +
           evaluation_error(arithmetic.activation, x, u) + u * record.step_norms[j];
  };
  certify(record, bounds, report, rounding_of);
  // An input that B in compressed rows never reads goes into Y nevertheless.
  for (std::size_t j = 0; j < report.status.size(); ++j)
    if (!std::isfinite(record.forcing_norms[j])) report.status[j] = SolveStatus::diverged;
}

void certify_adjoint(const IterationRecord& record, const Arithmetic& arithmetic,
                     const GainFallback& fallback, SolveReport& report) {
  const double u = arithmetic.unit_roundoff;
  const double L = adjoint_lipschitz(arithmetic);
  const Bounds bounds = shared_bounds(record, arithmetic, L, fallback);
  // ℓ1 norms are sums of n terms, rounded themselves.
  const double summation = 1.0 + gamma(arithmetic.rows + 1.0, u);
  certify(record, bounds, report, [&](std::size_t j) {
    const double v_previous = summation * (record.state_norms[j] + record.step_norms[j]);
    return L * (gamma(arithmetic.states + 4.0, u) * bounds.A_norm * v_previous +
                gamma(4.0, u) * summation * record.forcing_norms[j] +
                // In each of the n sums.
                arithmetic.rows *
                    (underflow(arithmetic, arithmetic.states, bounds.A_norm, v_previous) +
                     factor_underflow(record, arithmetic, v_previous))) +
           bounds.contraction * (summation - 1.0) * record.step_norms[j];
  });
}

SubstitutionGains substitution_gains(std::span<const double> A, index_t n, double lipschitz) {
  const auto size = static_cast<std::size_t>(n);
  return gains_from(n, n, [&](std::size_t j, std::vector<double>& x, double up) {
    x[j] *= up;
    for (std::size_t i = 0; i < j; ++i) x[i] += lipschitz * std::abs(A[i + j * size]) * x[j];
  });
}

SubstitutionGains substitution_gains(const CsrArrays<double>& A, index_t terms, double lipschitz) {
  return gains_from(A.rows, terms, [&](std::size_t j, std::vector<double>& x, double up) {
    A.for_row(j, [&](std::size_t k, double a) { x[j] += lipschitz * std::abs(a) * x[k]; });
    x[j] *= up;
  });
}

void tighten_state(const IterationRecord& record, const Arithmetic& arithmetic,
                   const SubstitutionGains& gains, const WeightedNorms& norms,
                   SolveReport& report) {
  const double u = arithmetic.unit_roundoff;
  const double L = lipschitz_constant(arithmetic.activation);
  const double A_norm = record.A_norm * (1.0 + gamma(arithmetic.states + 1.0, u));
  const double B_norm = record.B_norm * (1.0 + gamma(arithmetic.inputs + 1.0, u));
  const double at_zero = evaluation_error(arithmetic.activation, 0.0, u);
  tighten(report, [&](std::size_t j) -> ColumnBounds {
    const double s = rounded_up(norms.state[j], arithmetic);
    const double of_products = gamma(arithmetic.states + 2.0, u) * s;
    const double of_values = evaluation_error(arithmetic.activation, s, u) - at_zero;
    const double of_all_rows =
        at_zero + L * (gamma(arithmetic.inputs + 2.0, u) * B_norm * record.forcing_norms[j] +
                       underflow(arithmetic, arithmetic.states, A_norm, record.state_norms[j]) +
                       underflow(arithmetic, arithmetic.inputs, B_norm, record.forcing_norms[j]));
    return {
        .residual = of_products * (gains.largest - 1.0) + of_values * gains.largest + of_all_rows,
        .error = of_products * gains.of_products + of_values * (gains.largest + gains.of_products) +
                 of_all_rows * gains.largest};
  });
}

void tighten_adjoint(const IterationRecord& record, const Arithmetic& arithmetic,
                     const SubstitutionGains& gains, const WeightedNorms& norms,
                     SolveReport& report) {
  const double u = arithmetic.unit_roundoff;
  const double L = adjoint_lipschitz(arithmetic);
  const double A_norm = record.A_norm * (1.0 + gamma(arithmetic.states + 1.0, u));
  tighten(report, [&](std::size_t j) -> ColumnBounds {
    // Underflow in each of the n sums, in the rows and in the norms.
    const double underflows =
        (L + 1.0) * arithmetic.rows * gains.largest *
        underflow(arithmetic, arithmetic.states, A_norm, 2.0 * record.state_norms[j]);
    const double error =
        gamma(arithmetic.states + 4.0, u) * rounded_up(norms.state[j], arithmetic) +
        L * gamma(4.0, u) * rounded_up(norms.forcing[j], arithmetic) + underflows;
    return {.residual = error, .error = error};  // since v >= 1
  });
}

double perron_gain(const AbsMap& A, double lipschitz) {
  constexpr int k_attempts = 200;
  // Each product L|A|v was rounded: its terms, their sum, the factor L and what is made of it.
  const double rounding = gamma(static_cast<double>(A.terms) + 6.0, 0x1p-53);
  std::vector<double> v(static_cast<std::size_t>(A.n), 1.0);
  for (int attempt = 0; attempt < k_attempts; ++attempt) {
    const std::vector<double> product = A.apply(v);
    double largest = 0.0;
    for (const double value : v) largest = std::max(largest, value);
    const double lost = static_cast<double>(A.terms) * A.least_normal * largest;
    double margin = k_infinity;
    for (std::size_t i = 0; i < v.size(); ++i) {
      const double image = lipschitz * product[i];
      if (!std::isfinite(image)) return k_infinity;
      margin = std::min(margin, v[i] - image - rounding * image - lipschitz * lost);
      v[i] = 1.0 + image;
    }
    if (margin > 0.25) return largest / margin * (1.0 + 0x1p-50);
  }
  return k_infinity;
}

}  // namespace idl::solver
