// SPDX-License-Identifier: MIT
#include "host/sparsify/truncated_svd.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <utility>

namespace idl {
namespace {

constexpr std::size_t k_oversampling = 10;
constexpr int k_most_iterations = 20;
constexpr int k_most_sweeps = 40;

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// to <- to + factor·from
void add(double factor, const std::vector<double>& from, std::vector<double>& to) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * from[i];
}

void scale(double factor, std::vector<double>& column) {
  for (double& entry : column) entry *= factor;
}

/// AX, or AᵀX.
Columns product(const CsrArrays<double>& A, const Columns& X, bool transpose) {
  const auto n = static_cast<std::size_t>(A.rows);
  const std::size_t k = X.size();
  // Row by row, so that an entry of A meets numbers of X that lie together.
  std::vector<double> from(n * k);
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t i = 0; i < n; ++i) from[i * k + c] = X[c][i];
  std::vector<double> to(n * k, 0.0);
  for (std::size_t i = 0; i < n; ++i)
    A.for_row(i, [&](std::size_t j, double a) {
      const double* x = from.data() + (transpose ? i : j) * k;
      double* y = to.data() + (transpose ? j : i) * k;
      for (std::size_t c = 0; c < k; ++c) y[c] += a * x[c];
    });
  Columns Y(k, std::vector<double>(n));
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t i = 0; i < n; ++i) Y[c][i] = to[i * k + c];
  return Y;
}

/// An orthonormal basis of what the columns span, those left out that depend on others up to
/// rounding. Gram-Schmidt, twice, since what the first pass leaves of a column may be little.
Columns orthonormal(Columns X) {
  constexpr double k_dependent = 1e-13;
  Columns basis;
  for (std::vector<double>& x : X) {
    const double before = std::sqrt(dot(x, x));
    for (int pass = 0; pass < 2; ++pass)
      for (const std::vector<double>& q : basis) add(-dot(q, x), q, x);
    const double left = std::sqrt(dot(x, x));
    if (!(left > k_dependent * before)) continue;
    scale(1.0 / left, x);
    basis.push_back(std::move(x));
  }
  return basis;
}

Columns random_columns(std::size_t rows, std::size_t cols) {
  std::mt19937_64 engine(1);
  Columns X(cols, std::vector<double>(rows));
  for (std::vector<double>& column : X)
    for (double& entry : column) entry = static_cast<double>(engine() >> 11) * 0x1p-52 - 1.0;
  return X;
}

/// [a b] <- [a b] times the rotation of tangent t.
void rotate(double t, std::vector<double>& a, std::vector<double>& b) {
  const double cosine = 1.0 / std::hypot(1.0, t);
  const double sine = cosine * t;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double old = a[i];
    a[i] = cosine * old - sine * b[i];
    b[i] = sine * old + cosine * b[i];
  }
}

/// Rotates the columns of Q and B alike until those of B are orthogonal; QBᵀ stays the same.
/// Source: one-sided Jacobi iteration, Golub, Van Loan, "Matrix Computations", 8.6.3.
void make_orthogonal(Columns& Q, Columns& B) {
  const double rounding = B.empty() ? 0.0 : static_cast<double>(B[0].size()) * 0x1p-52;
  bool rotated = true;
  for (int sweep = 0; rotated && sweep < k_most_sweeps; ++sweep) {
    rotated = false;
    for (std::size_t a = 0; a < B.size(); ++a)
      for (std::size_t b = a + 1; b < B.size(); ++b) {
        const double aa = dot(B[a], B[a]);
        const double bb = dot(B[b], B[b]);
        const double ab = dot(B[a], B[b]);
        if (std::abs(ab) <= rounding * std::sqrt(aa) * std::sqrt(bb)) continue;
        const double zeta = (bb - aa) / (2.0 * ab);
        const double t = std::copysign(1.0 / (std::abs(zeta) + std::hypot(1.0, zeta)), zeta);
        rotate(t, B[a], B[b]);
        rotate(t, Q[a], Q[b]);
        rotated = true;
      }
  }
}

/// A ≈ QBᵀ, Q orthonormal.
std::pair<Columns, Columns> dominant_subspace(const CsrArrays<double>& A, std::size_t size) {
  const auto n = static_cast<std::size_t>(A.rows);
  Columns Q;
  Columns B = random_columns(n, size);
  double held = 0.0;
  for (int iteration = 0; iteration < k_most_iterations; ++iteration) {
    Q = orthonormal(product(A, orthonormal(std::move(B)), /*transpose=*/false));
    B = product(A, Q, /*transpose=*/true);
    double now = 0.0;
    for (const std::vector<double>& b : B) now += dot(b, b);
    if (!(now > held * (1.0 + 1e-10))) break;
    held = now;
  }
  return {std::move(Q), std::move(B)};
}

}  // namespace

SingularFactors truncated_svd(CsrArrays<double> A, std::size_t rank) {
  const auto n = static_cast<std::size_t>(A.rows);
  rank = std::min(rank, n);
  // Squares of its entries are to be numbers.
  double largest = 0.0;
  for (const double value : A.values) largest = std::max(largest, std::abs(value));
  if (largest == 0.0 || rank == 0) return {};
  for (double& value : A.values) value /= largest;
  auto [Q, B] = dominant_subspace(A, std::min(n, rank + k_oversampling));
  make_orthogonal(Q, B);

  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t c = 0; c < B.size(); ++c) order.emplace_back(std::sqrt(dot(B[c], B[c])), c);
  std::ranges::sort(order, std::greater<>());
  SingularFactors factors;
  for (const auto& [sigma, c] : order) {
    if (factors.L.size() == rank || sigma == 0.0) break;
    scale(std::sqrt(sigma) * std::sqrt(largest), Q[c]);
    scale(std::sqrt(largest) / std::sqrt(sigma), B[c]);
    factors.L.push_back(std::move(Q[c]));
    factors.R.push_back(std::move(B[c]));
  }
  return factors;
}

}  // namespace idl
