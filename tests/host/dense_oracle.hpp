// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <stdexcept>
#include <utility>
#include <vector>

#include "idl/activation.hpp"

/// Dense linear algebra and implicit models by the plainest loops, in double or long double, as
/// oracles. Shares nothing with the library but the enumeration of activations.
namespace idl::test {

/// Column-major.
template <class R>
struct Dense {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<R> values;

  Dense() = default;
  Dense(std::size_t r, std::size_t c) : rows(r), cols(c), values(r * c, R(0)) {}
  template <class S>
  Dense(std::size_t r, std::size_t c, const std::vector<S>& source)
      : rows(r), cols(c), values(source.begin(), source.end()) {
    if (values.size() != r * c) throw std::logic_error("Dense: wrong number of values");
  }
  R& operator()(std::size_t i, std::size_t j) { return values[i + j * rows]; }
  const R& operator()(std::size_t i, std::size_t j) const { return values[i + j * rows]; }
};

template <class R>
Dense<R> transpose(const Dense<R>& A) {
  Dense<R> result(A.cols, A.rows);
  for (std::size_t j = 0; j < A.cols; ++j)
    for (std::size_t i = 0; i < A.rows; ++i) result(j, i) = A(i, j);
  return result;
}

template <class R>
Dense<R> multiply(const Dense<R>& A, const Dense<R>& B) {
  if (A.cols != B.rows) throw std::logic_error("multiply: shapes");
  Dense<R> result(A.rows, B.cols);
  for (std::size_t j = 0; j < B.cols; ++j)
    for (std::size_t k = 0; k < A.cols; ++k)
      for (std::size_t i = 0; i < A.rows; ++i) result(i, j) += A(i, k) * B(k, j);
  return result;
}

inline constexpr long double k_selu_lambda = 1.0507009873554804934193349852946L;
inline constexpr long double k_selu_alpha = 1.6732632423543772848170429916717L;

/// φ(x).
template <class R>
R phi(const Activation& activation, R x) {
  const R alpha = static_cast<R>(activation.alpha);
  switch (activation.kind) {
    case ActivationKind::relu:
      return x > R(0) ? x : R(0);
    case ActivationKind::leaky_relu:
      return x > R(0) ? x : alpha * x;
    case ActivationKind::elu:
      return x > R(0) ? x : alpha * std::expm1(x);
    case ActivationKind::tanh:
      return std::tanh(x);
    case ActivationKind::sigmoid:
      return R(1) / (R(1) + std::exp(-x));
    case ActivationKind::softplus:
      return std::log1p(std::exp(-std::abs(x))) + (x > R(0) ? x : R(0));
    case ActivationKind::silu:
      return x / (R(1) + std::exp(-x));
    case ActivationKind::gelu:
      return x * std::erfc(-x / std::sqrt(R(2))) / R(2);
    case ActivationKind::mish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case ActivationKind::selu:
      return static_cast<R>(k_selu_lambda) *
             (x > R(0) ? x : static_cast<R>(k_selu_alpha) * std::expm1(x));
    case ActivationKind::hardswish:
      return x * std::min(std::max(x + R(3), R(0)), R(6)) / R(6);
    case ActivationKind::abs:
      return std::abs(x);
    case ActivationKind::sat:
      return std::min(std::max(x, R(-1)), R(1));
    case ActivationKind::identity:
    case ActivationKind::custom:
      break;
  }
  return x;
}

/// φ'(x).
template <class R>
R phi_slope(const Activation& activation, R x) {
  const R alpha = static_cast<R>(activation.alpha);
  const R sigma = R(1) / (R(1) + std::exp(-x));
  switch (activation.kind) {
    case ActivationKind::relu:
      return x > R(0) ? R(1) : R(0);
    case ActivationKind::leaky_relu:
      return x > R(0) ? R(1) : alpha;
    case ActivationKind::elu:
      return x > R(0) ? R(1) : alpha * std::exp(x);
    case ActivationKind::tanh:
      return R(1) - std::tanh(x) * std::tanh(x);
    case ActivationKind::sigmoid:
      return sigma * (R(1) - sigma);
    case ActivationKind::softplus:
      return sigma;
    case ActivationKind::silu:
      return sigma * (R(1) + x * (R(1) - sigma));
    case ActivationKind::gelu:
      return std::erfc(-x / std::sqrt(R(2))) / R(2) +
             x * std::exp(-x * x / R(2)) / std::sqrt(R(2) * std::numbers::pi_v<R>);
    case ActivationKind::mish: {
      const R w = std::tanh(std::log1p(std::exp(x)));
      return w + x * (R(1) - w * w) * sigma;
    }
    case ActivationKind::selu:
      return static_cast<R>(k_selu_lambda) *
             (x > R(0) ? R(1) : static_cast<R>(k_selu_alpha) * std::exp(x));
    case ActivationKind::hardswish:
      return x > R(3) ? R(1) : (x < R(-3) ? R(0) : (R(2) * x + R(3)) / R(6));
    case ActivationKind::abs:
      return x > R(0) ? R(1) : (x < R(0) ? R(-1) : R(0));
    case ActivationKind::sat:
      return std::abs(x) < R(1) ? R(1) : R(0);
    case ActivationKind::identity:
    case ActivationKind::custom:
      break;
  }
  return R(1);
}

/// Solves Ax = b by LU with row pivoting; A and b are used up.
template <class R>
std::vector<R> solve_dense(Dense<R> A, std::vector<R> b) {
  const std::size_t n = A.rows;
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < n; ++i)
      if (std::abs(A(i, k)) > std::abs(A(pivot, k))) pivot = i;
    if (A(pivot, k) == R(0)) throw std::logic_error("solve_dense: singular");
    for (std::size_t j = 0; j < n; ++j) std::swap(A(k, j), A(pivot, j));
    std::swap(b[k], b[pivot]);
    for (std::size_t i = k + 1; i < n; ++i) A(i, k) /= A(k, k);
    for (std::size_t i = k + 1; i < n; ++i) b[i] -= A(i, k) * b[k];
    for (std::size_t j = k + 1; j < n; ++j)
      for (std::size_t i = k + 1; i < n; ++i) A(i, j) -= A(i, k) * A(k, j);
  }
  for (std::size_t k = n; k-- > 0;) {
    b[k] /= A(k, k);
    for (std::size_t i = 0; i < k; ++i) b[i] -= A(i, k) * b[k];
  }
  return b;
}

/// Ax + z.
template <class R>
std::vector<R> affine(const Dense<R>& A, const std::vector<R>& x, const std::vector<R>& z) {
  std::vector<R> result = z;
  for (std::size_t j = 0; j < A.cols; ++j)
    for (std::size_t i = 0; i < A.rows; ++i) result[i] += A(i, j) * x[j];
  return result;
}

/// A solution of x = φ(Ax + z) with ‖φ(Ax+z) − x‖∞ as its residual.
template <class R>
struct Equilibrium {
  std::vector<R> x;
  R residual = R(0);
};

/// Newton's method from `start`, x <- x + (I − ΨA)⁻¹(φ(Ax+z) − x), with a Picard step where it does
/// not lower the residual; to the last bits of R where ‖A‖∞ L_φ < 1.
template <class R>
Equilibrium<R> solve_equilibrium(const Dense<R>& A, const std::vector<R>& z,
                                 const Activation& activation, std::vector<R> start) {
  const std::size_t n = A.rows;
  const auto image = [&](const std::vector<R>& x) {
    std::vector<R> f = affine(A, x, z);
    for (R& value : f) value = phi(activation, value);
    return f;
  };
  const auto residual_of = [&](const std::vector<R>& x, const std::vector<R>& f) {
    R worst = R(0);
    for (std::size_t i = 0; i < n; ++i) worst = std::max(worst, std::abs(f[i] - x[i]));
    return worst;
  };
  Equilibrium<R> best{std::move(start), R(0)};
  std::vector<R> f = image(best.x);
  best.residual = residual_of(best.x, f);
  int without_progress = 0;
  for (int k = 0; k < 200 && without_progress < 3 && best.residual > R(0); ++k) {
    const std::vector<R> s = affine(A, best.x, z);
    Dense<R> J(n, n);
    std::vector<R> step(n);
    for (std::size_t i = 0; i < n; ++i) {
      const R slope = phi_slope(activation, s[i]);
      for (std::size_t j = 0; j < n; ++j) J(i, j) = (i == j ? R(1) : R(0)) - slope * A(i, j);
      step[i] = f[i] - best.x[i];
    }
    step = solve_dense(std::move(J), std::move(step));
    std::vector<R> x = best.x;
    for (std::size_t i = 0; i < n; ++i) x[i] += step[i];
    std::vector<R> fx = image(x);
    R residual = residual_of(x, fx);
    if (!(residual < best.residual)) {  // also where Newton met a kink
      x = f;
      fx = image(x);
      residual = residual_of(x, fx);
    }
    if (residual < best.residual) {
      best = {std::move(x), residual};
      f = std::move(fx);
      without_progress = 0;
    } else {
      ++without_progress;
    }
  }
  return best;
}

/// ‖A‖∞.
template <class R>
R inf_norm(const Dense<R>& A) {
  R worst = R(0);
  for (std::size_t i = 0; i < A.rows; ++i) {
    R sum = R(0);
    for (std::size_t j = 0; j < A.cols; ++j) sum += std::abs(A(i, j));
    worst = std::max(worst, sum);
  }
  return worst;
}

}  // namespace idl::test
