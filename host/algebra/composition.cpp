// SPDX-License-Identifier: MIT
#include "idl/composition.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/algebra/dense_parts.hpp"
#include "host/options/validate.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

using algebra::DenseMatrix;
using algebra::DenseParts;

/// XY, where Y has as many rows as X has columns before its last one, that of the bias.
DenseMatrix product_without_bias(const DenseMatrix& X, const DenseMatrix& Y) {
  DenseMatrix result(static_cast<index_t>(X.rows), static_cast<index_t>(Y.cols));
  for (std::size_t j = 0; j < Y.cols; ++j)
    for (std::size_t k = 0; k < Y.rows; ++k)
      for (std::size_t i = 0; i < X.rows; ++i) result(i, j) += X(i, k) * Y(k, j);
  return result;
}

/// Adds the last column of `from` to the last one of `to`, at these rows and below.
void add_bias(const DenseMatrix& from, DenseMatrix& to, std::size_t row) {
  for (std::size_t i = 0; i < from.rows; ++i) to(row + i, to.cols - 1) += from(i, from.cols - 1);
}

template <class T>
std::string text_of(const ImplicitModel<T>& model) {
  return std::to_string(model.shape().inputs) + " inputs and " +
         std::to_string(model.shape().outputs) + " outputs";
}

void check_activations(const char* who, const Activation& first, const Activation& second) {
  const bool same_kind = first.kind == second.kind && first.custom == second.custom;
  IDL_CHECK(same_kind && (!has_alpha(first) || first.alpha == second.alpha),
            std::string(who) + ": the models have different activations, " +
                std::string(to_string(first)) + " and " + std::string(to_string(second)) +
                (same_kind ? " with another alpha" : ""));
}

/// ‖A‖∞ of what is left of A in T.
template <class T>
double rounded_norm(const DenseMatrix& A) {
  double norm = 0.0;
  for (std::size_t i = 0; i < A.rows; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < A.cols; ++j)
      sum += std::abs(static_cast<double>(static_cast<T>(A(i, j))));
    norm = std::max(norm, sum);
  }
  return norm;
}

template <class T>
WellPosedness constraint_of(const DenseMatrix& A, const WellPosedness& first,
                            const WellPosedness& second) {
  const auto both = [&](WellPosednessKind kind) {
    return first.kind == kind && second.kind == kind;
  };
  if (both(WellPosednessKind::strictly_upper_triangular))
    return WellPosedness::strictly_upper_triangular();
  const double kappa = std::max(first.kappa, second.kappa);
  if (both(WellPosednessKind::inf_norm_ball) && rounded_norm<T>(A) <= kappa)
    return WellPosedness::inf_norm_ball(kappa);
  return WellPosedness::none();
}

template <class T>
ImplicitModel<T> composed(Context& context, const DenseParts& parts, const ModelOptions& first,
                          const ModelOptions& second, bool no_D) {
  return algebra::model_of<T>(
      context, parts,
      {.activation = first.activation,
       .well_posedness = constraint_of<T>(parts.A, first.well_posedness, second.well_posedness),
       .bias = first.bias || second.bias,
       .no_D = no_D,
       .allow_unproven = first.allow_unproven || second.allow_unproven});
}

/// φ(sx) = sφ(x) for s > 0.
bool is_positively_homogeneous(ActivationKind kind) {
  return kind == ActivationKind::relu || kind == ActivationKind::leaky_relu ||
         kind == ActivationKind::identity;
}

/// v = (I − |A|/κ)⁻¹1 to so many terms of the sum Σ(|A|/κ)ᵏ1 that |A|v < κv; empty where that takes
/// too many.
std::vector<double> row_scales(const DenseMatrix& A, double kappa) {
  constexpr int k_most_terms = 20000;
  // Of a term that is left out: below 1, and so small that roundings do not matter.
  constexpr double k_small = 0.5;
  std::vector<double> v(A.rows, 1.0);
  std::vector<double> term = v;
  for (int k = 0; k < k_most_terms; ++k) {
    std::vector<double> next(A.rows, 0.0);
    for (std::size_t j = 0; j < A.cols; ++j)
      for (std::size_t i = 0; i < A.rows; ++i) next[i] += std::abs(A(i, j)) / kappa * term[j];
    if (*std::ranges::max_element(next) <= k_small) return v;
    for (std::size_t i = 0; i < v.size(); ++i) v[i] += next[i];
    term = std::move(next);
    if (!std::isfinite(*std::ranges::max_element(v))) break;
  }
  return {};
}

}  // namespace

template <class T>
ImplicitModel<T> cascade(Context& context, const ImplicitModel<T>& outer,
                         const ImplicitModel<T>& inner) {
  IDL_CHECK(outer.shape().inputs == inner.shape().outputs,
            "cascade: the outer model has " + text_of(outer) + ", the inner one " + text_of(inner));
  check_activations("cascade", outer.options().activation, inner.options().activation);
  const DenseParts second = algebra::dense_parts(context, outer, "cascade", "the outer model");
  const DenseParts first = algebra::dense_parts(context, inner, "cascade", "the inner model");
  const std::size_t n = second.A.rows;
  DenseParts parts(ModelShape{.states = outer.shape().states + inner.shape().states,
                              .inputs = inner.shape().inputs,
                              .outputs = outer.shape().outputs});
  parts.A.add(0, 0, second.A);
  parts.A.add(0, n, product_without_bias(second.B, first.C));
  parts.A.add(n, n, first.A);
  parts.B.add(0, 0, product_without_bias(second.B, first.D));
  add_bias(second.B, parts.B, 0);
  parts.B.add(n, 0, first.B);
  parts.C.add(0, 0, second.C);
  parts.C.add(0, n, product_without_bias(second.D, first.C));
  parts.D.add(0, 0, product_without_bias(second.D, first.D));
  add_bias(second.D, parts.D, 0);
  const bool no_D = outer.options().no_D || (inner.options().no_D && !outer.options().bias);
  return composed<T>(context, parts, outer.options(), inner.options(), no_D);
}

template <class T>
ImplicitModel<T> parallel_sum(Context& context, const ImplicitModel<T>& first,
                              const ImplicitModel<T>& second) {
  IDL_CHECK(first.shape().inputs == second.shape().inputs &&
                first.shape().outputs == second.shape().outputs,
            "parallel_sum: the first model has " + text_of(first) + ", the second one " +
                text_of(second));
  check_activations("parallel_sum", first.options().activation, second.options().activation);
  const DenseParts one = algebra::dense_parts(context, first, "parallel_sum", "the first model");
  const DenseParts other =
      algebra::dense_parts(context, second, "parallel_sum", "the second model");
  const std::size_t n = one.A.rows;
  ModelShape shape = first.shape();
  shape.states += second.shape().states;
  DenseParts parts(shape);
  parts.A.add(0, 0, one.A);
  parts.A.add(n, n, other.A);
  parts.B.add(0, 0, one.B);
  parts.B.add(n, 0, other.B);
  parts.C.add(0, 0, one.C);
  parts.C.add(0, n, other.C);
  parts.D.add(0, 0, one.D);
  parts.D.add(0, 0, other.D);
  return composed<T>(context, parts, first.options(), second.options(),
                     first.options().no_D && second.options().no_D);
}

template <class T>
ImplicitModel<T> rescaled(Context& context, const ImplicitModel<T>& model, double kappa) {
  ModelOptions options = model.options();
  const ActivationKind kind = options.activation.kind;
  IDL_CHECK(is_positively_homogeneous(kind),
            "rescaled: the activation is " + std::string(to_string(kind)) +
                "; only with relu, leaky_relu and identity states may have other units");
  options.well_posedness = WellPosedness::inf_norm_ball(kappa);
  validate(options);
  DenseParts parts = algebra::dense_parts(context, model, "rescaled", "the model");
  const std::vector<double> v = row_scales(parts.A, kappa);
  IDL_CHECK(!v.empty(), "rescaled: kappa is " + number_text(kappa) +
                            ", expected one above the Perron root of |A|, so that scaled rows can "
                            "be in its ball");
  const double largest = *std::ranges::max_element(v);
  IDL_CHECK(largest <= std::sqrt(std::numeric_limits<T>::max()),
            "rescaled: states would be scaled by up to " + number_text(largest) +
                ", so that entries of B and C leave the range of their type");
  const auto scale = [&](DenseMatrix& matrix, bool rows, bool cols) {
    for (std::size_t j = 0; j < matrix.cols; ++j)
      for (std::size_t i = 0; i < matrix.rows; ++i)
        matrix(i, j) *= (cols ? v[j] : 1.0) / (rows ? v[i] : 1.0);
  };
  scale(parts.A, true, true);
  scale(parts.B, true, false);
  scale(parts.C, false, true);
  return algebra::model_of<T>(context, parts, options);
}

template ImplicitModel<float> cascade(Context&, const ImplicitModel<float>&,
                                      const ImplicitModel<float>&);
template ImplicitModel<double> cascade(Context&, const ImplicitModel<double>&,
                                       const ImplicitModel<double>&);
template ImplicitModel<float> parallel_sum(Context&, const ImplicitModel<float>&,
                                           const ImplicitModel<float>&);
template ImplicitModel<double> parallel_sum(Context&, const ImplicitModel<double>&,
                                            const ImplicitModel<double>&);
template ImplicitModel<float> rescaled(Context&, const ImplicitModel<float>&, double);
template ImplicitModel<double> rescaled(Context&, const ImplicitModel<double>&, double);

}  // namespace idl
