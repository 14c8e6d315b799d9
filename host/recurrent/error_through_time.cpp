// SPDX-License-Identifier: MIT
#include "host/recurrent/error_through_time.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <variant>

#include "host/model/perron.hpp"
#include "host/solver/certificates.hpp"
#include "host/sparse/row_levels.hpp"

namespace idl {
namespace {

constexpr double k_no_bound = std::numeric_limits<double>::infinity();

/// 1 + γ_k in double, for sums of k products.
double rounding_factor(index_t terms) { return 1.0 + (static_cast<double>(terms) + 8.0) * 0x1p-52; }

/// The magnitudes of a matrix, in compressed rows.
struct AbsMatrix {
  CsrArrays<double> A;

  /// Y += |A|X; X has `width` numbers a row, one after the other.
  void multiply(const std::vector<double>& X, std::vector<double>& Y, std::size_t width) const {
    for (std::size_t i = 0; i < static_cast<std::size_t>(A.rows); ++i) {
      double* y = Y.data() + i * width;
      A.for_row(i, [&](std::size_t k, double a) {
        const double* x = X.data() + k * width;
        for (std::size_t c = 0; c < width; ++c) y[c] += a * x[c];
      });
    }
  }
  index_t longest_row() const {
    std::int64_t longest = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(A.rows); ++i)
      longest = std::max(longest, A.row_offsets[i + 1] - A.row_offsets[i]);
    return longest;
  }
};

/// The entries that are not zero of a matrix whose entries at(i, j) gives.
template <class T, class At>
CsrArrays<T> nonzero_entries(index_t rows, index_t cols, const At& at) {
  CsrArrays<T> arrays = {.rows = rows, .cols = cols, .row_offsets = {0}};
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
    for (std::size_t j = 0; j < static_cast<std::size_t>(cols); ++j) {
      const T value = at(i, j);
      if (value == T(0)) continue;
      arrays.col_indices.push_back(static_cast<std::int32_t>(j));
      arrays.values.push_back(value);
    }
    arrays.row_offsets.push_back(static_cast<std::int64_t>(arrays.values.size()));
  }
  return arrays;
}

template <class T>
CsrArrays<T> nonzero_entries(Context& context, ConstMatrixView<T> A) {
  const std::vector<T> values = download(context, A);
  const auto rows = static_cast<std::size_t>(A.rows);
  return nonzero_entries<T>(A.rows, A.cols,
                            [&](std::size_t i, std::size_t j) { return values[i + j * rows]; });
}

template <class T>
AbsMatrix abs_matrix(CsrArrays<T> arrays) {
  AbsMatrix result{{.rows = arrays.rows,
                    .cols = arrays.cols,
                    .row_offsets = std::move(arrays.row_offsets),
                    .col_indices = std::move(arrays.col_indices)}};
  for (const T value : arrays.values)
    result.A.values.push_back(std::abs(static_cast<double>(value)));
  return result;
}

/// The factors of which |map| is the product, or is at most: one, or |L| and |R|ᵀ.
template <class T>
std::vector<AbsMatrix> factors_of(Context& context, const LinearMap<T>& map) {
  if (const auto* sparse = std::get_if<CsrMap<T>>(&map))
    return {abs_matrix(download(context, sparse->A))};
  if (const auto* low_rank = std::get_if<LowRankMap<T>>(&map))
    return {abs_matrix(nonzero_entries(context, low_rank->L)),
            abs_matrix(transposed(nonzero_entries(context, low_rank->R)))};
  return {abs_matrix(nonzero_entries(context, entries_of(map).value()))};
}

index_t terms_of(const std::vector<AbsMatrix>& factors) {
  index_t terms = 0;
  for (const AbsMatrix& factor : factors) terms += factor.longest_row() + 1;
  return terms;
}

/// The product of the factors with X.
std::vector<double> product(const std::vector<AbsMatrix>& factors, std::vector<double> X,
                            std::size_t width) {
  for (std::size_t k = factors.size(); k-- > 0;) {
    std::vector<double> Y(static_cast<std::size_t>(factors[k].A.rows) * width, 0.0);
    factors[k].multiply(X, Y, width);
    X = std::move(Y);
  }
  return X;
}

/// |map| of columns [first, first + count), row by row.
std::vector<double> columns_of(const AbsMatrix& map, index_t first, index_t count) {
  const auto width = static_cast<std::size_t>(count);
  const auto begin = static_cast<std::size_t>(first);
  std::vector<double> part(static_cast<std::size_t>(map.A.rows) * width, 0.0);
  for (std::size_t i = 0; i < static_cast<std::size_t>(map.A.rows); ++i)
    map.A.for_row(i, [&](std::size_t j, double value) {
      if (j >= begin && j < begin + width) part[i * width + j - begin] = value;
    });
  return part;
}

std::vector<double> row_sums(const AbsMatrix& map) {
  std::vector<double> sums;
  const double factor = rounding_factor(map.longest_row());
  for (std::size_t i = 0; i < static_cast<std::size_t>(map.A.rows); ++i) {
    double sum = 0.0;
    map.A.for_row(i, [&](std::size_t, double value) { sum += value; });
    sums.push_back(sum * factor);
  }
  return sums;
}

/// A bound of ‖(I − L|A|)⁻¹‖∞; +inf where none was found.
double gain_of(const std::vector<AbsMatrix>& A, double lipschitz) {
  const index_t n = A.front().A.rows;
  const index_t terms = terms_of(A);
  std::vector<double> ones(static_cast<std::size_t>(n), 1.0);
  const std::vector<double> sums = product(A, ones, 1);
  double norm = 0.0;
  for (const double sum : sums) norm = std::isnan(sum) ? sum : std::max(norm, sum);
  const double contraction = lipschitz * norm * rounding_factor(terms);
  if (contraction < 1.0) return 1.0 / (1.0 - contraction) * rounding_factor(0);
  const CsrArrays<double>& first = A.front().A;
  if (A.size() == 1 && !first_on_or_below(first.row_offsets, first.col_indices))
    return solver::substitution_gains(first, terms, lipschitz).largest;
  return solver::perron_gain(
      {.n = n,
       .terms = terms,
       .least_normal = std::numeric_limits<double>::min(),
       .apply = [&](const std::vector<double>& v) { return product(A, v, 1); }},
      lipschitz);
}

/// (I − L|A|)⁻¹ L N with N >= 0, n×width, from above. W <- L(N + |A|W) rises to it from 0, and what
/// is missing at any W is at most the gain times the largest rise.
std::vector<double> resolvent(const std::vector<AbsMatrix>& A, const std::vector<double>& N,
                              std::size_t width, double lipschitz, double gain) {
  constexpr int k_steps = 2000;
  constexpr double k_enough = 1e-4;
  if (!std::isfinite(gain)) return std::vector<double>(N.size(), k_no_bound);
  const double rounding = rounding_factor(terms_of(A) + 2);
  std::vector<double> W(N.size(), 0.0);
  for (int step = 0; step < k_steps; ++step) {
    std::vector<double> next = product(A, W, width);
    std::vector<double> missing(width, 0.0);
    double largest = 0.0;
    for (std::size_t k = 0; k < next.size(); ++k) {
      next[k] = lipschitz * (N[k] + next[k]) * rounding;
      missing[k % width] = std::max(missing[k % width], next[k] - W[k]);
      largest = std::max(largest, next[k]);
    }
    const double most = *std::ranges::max_element(missing);
    const bool done = !(gain * most > k_enough * largest) || step + 1 == k_steps;
    if (done)
      for (std::size_t k = 0; k < next.size(); ++k)
        next[k] = (next[k] + gain * missing[k % width]) * rounding_factor(2);
    W = std::move(next);
    if (done) break;
  }
  return W;
}

/// v > 0 with Sv < v, or nothing.
std::vector<double> witness_of(const std::vector<double>& S, std::size_t hidden) {
  constexpr int k_attempts = 5000;
  std::vector<double> v(hidden, 1.0);
  for (int attempt = 0; attempt < k_attempts; ++attempt) {
    std::vector<double> image(hidden, 0.0);
    bool falls = true;
    for (std::size_t i = 0; i < hidden; ++i) {
      for (std::size_t j = 0; j < hidden; ++j) image[i] += S[i * hidden + j] * v[j];
      falls = falls && image[i] * rounding_factor(static_cast<index_t>(hidden)) < v[i];
    }
    if (falls) return v;
    for (std::size_t i = 0; i < hidden; ++i) v[i] = 1.0 + image[i];
    if (!std::isfinite(*std::ranges::max_element(v))) break;
  }
  return {};
}

}  // namespace

template <class T>
ErrorGrowth error_growth(Context& context, const ModelMaps<T>& maps, index_t inputs, index_t hidden,
                         double lipschitz) {
  const auto width = static_cast<std::size_t>(hidden);
  const std::vector<AbsMatrix> A = factors_of(context, maps.A);
  const AbsMatrix B = factors_of(context, maps.B).front();
  const std::vector<AbsMatrix> C = factors_of(context, maps.C);
  ErrorGrowth growth = {.hidden = hidden,
                        .C_sums = row_sums(C.front()),
                        .D_sums = std::vector<double>(width, 0.0),
                        .terms = terms_per_row(maps.C),
                        .solve_gain = gain_of(A, lipschitz)};
  const std::vector<double> of_states =
      resolvent(A, columns_of(B, inputs, hidden), width, lipschitz, growth.solve_gain);
  growth.S = product(C, of_states, width);
  if (maps.D) {
    const AbsMatrix D = factors_of(context, *maps.D).front();
    growth.D_sums = row_sums(D);
    growth.terms += terms_per_row(*maps.D);
    const std::vector<double> of_h = columns_of(D, inputs, hidden);
    for (std::size_t k = 0; k < growth.S.size(); ++k) growth.S[k] += of_h[k];
  }
  for (double& entry : growth.S) {
    entry *= rounding_factor(terms_per_row(maps.C) + 1);
    if (std::isnan(entry)) entry = k_no_bound;
  }
  growth.root = perron_root(nonzero_entries<double>(
      hidden, hidden, [&](std::size_t i, std::size_t j) { return growth.S[i * width + j]; }));
  if (growth.root < 1.0) growth.witness = witness_of(growth.S, width);
  return growth;
}

ErrorThroughTime::ErrorThroughTime(const ErrorGrowth& growth, const StepArithmetic& arithmetic,
                                   index_t sequences)
    : growth_(growth),
      arithmetic_(arithmetic),
      m_(static_cast<std::size_t>(sequences)),
      e_(static_cast<std::size_t>(growth.hidden) * m_, 0.0),
      next_(e_.size()) {}

void ErrorThroughTime::step(std::span<const StepErrors> steps) {
  const auto hidden = static_cast<std::size_t>(growth_.hidden);
  const auto terms = static_cast<double>(growth_.terms) + 4.0;
  const double ku = terms * arithmetic_.unit_roundoff;
  const double gamma = ku < 1.0 ? ku / (1.0 - ku) : k_no_bound;
  // Of the sum over h and of what is added to it, in double.
  const double rounding = rounding_factor(growth_.hidden + 4);
  for (std::size_t i = 0; i < hidden; ++i) {
    double* next = next_.data() + i * m_;
    const double c = growth_.C_sums[i];
    const double d = growth_.D_sums[i];
    for (std::size_t b = 0; b < m_; ++b) {
      const StepErrors& at = steps[b];
      // Devices may take subnormal numbers for zero in each term.
      const double underflow =
          arithmetic_.least_normal * terms * (8.0 + c + d + at.state + at.input);
      const double most = c * at.state + d * at.input;
      const double overflow = most * (1.0 + gamma) <= arithmetic_.largest ? 0.0 : k_no_bound;
      next[b] = c * at.solve + gamma * most + underflow + overflow;
    }
    for (std::size_t j = 0; j < hidden; ++j) {
      const double s = growth_.S[i * hidden + j];
      const double* e = e_.data() + j * m_;
      for (std::size_t b = 0; b < m_; ++b) next[b] += s * e[b];
    }
    for (std::size_t b = 0; b < m_; ++b) next[b] *= rounding;
  }
  std::swap(e_, next_);
}

double ErrorThroughTime::bound(std::size_t b) const {
  double largest = 0.0;
  for (std::size_t k = b; k < e_.size(); k += m_) {
    // Infinity times zero among the sums is not a number.
    if (!(e_[k] <= std::numeric_limits<double>::max())) return k_no_bound;
    largest = std::max(largest, e_[k]);
  }
  return largest;
}

template ErrorGrowth error_growth(Context&, const ModelMaps<float>&, index_t, index_t, double);
template ErrorGrowth error_growth(Context&, const ModelMaps<double>&, index_t, index_t, double);

}  // namespace idl
