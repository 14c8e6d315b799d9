// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/model/structure/low_rank.hpp"
#include "host/options/validate.hpp"
#include "host/sparsify/stored_entries.hpp"
#include "host/sparsify/truncated_svd.hpp"
#include "idl/error.hpp"
#include "idl/sparsify.hpp"

namespace idl {
namespace {

template <class T>
CsrArrays<double> arrays_of(const StoredEntries& entries, std::span<const T> M) {
  CsrArrays<double> arrays = {.rows = entries.rows,
                              .cols = entries.cols,
                              .row_offsets = entries.row_offsets,
                              .col_indices = entries.col_indices};
  arrays.values.reserve(entries.places.size());
  for (const std::size_t place : entries.places) {
    arrays.values.push_back(static_cast<double>(M[place]));
    if (!std::isfinite(arrays.values.back()))
      throw NotFinite("low_rank_approximation: an entry of " + entries.matrix + " is not finite");
  }
  return arrays;
}

/// Moves scale from the columns of R to those of L, or back, so that each of R has the ℓ1 norm that
/// the constraint allows.
void balance(SingularFactors& factors, const WellPosedness& constraint) {
  if (constraint.kind != WellPosednessKind::inf_norm_ball) return;
  const double budget = of_factors(constraint).kappa;
  for (std::size_t c = 0; c < factors.R.size(); ++c) {
    double norm = 0.0;
    for (const double entry : factors.R[c]) norm += std::abs(entry);
    for (double& entry : factors.R[c]) entry *= budget / norm;
    for (double& entry : factors.L[c]) entry *= norm / budget;
  }
}

/// rows×cols numbers, zeros after the columns that there are.
template <class T>
std::vector<T> rounded(const Columns& columns, index_t rows, index_t cols) {
  std::vector<T> values;
  values.reserve(static_cast<std::size_t>(rows * cols));
  for (const std::vector<double>& column : columns)
    for (const double entry : column) values.push_back(static_cast<T>(entry));
  values.resize(static_cast<std::size_t>(rows * cols), T(0));
  return values;
}

/// Upper bound of ‖A − LRᵀ‖∞, of factors column after column.
template <class T>
double distance(const CsrArrays<double>& A, std::span<const T> L, std::span<const T> R) {
  const auto n = static_cast<std::size_t>(A.rows);
  const std::size_t rank = L.size() / n;
  std::vector<double> norms(rank, 0.0);
  for (std::size_t k = 0; k < R.size(); ++k) norms[k / n] += std::abs(static_cast<double>(R[k]));
  // An entry is a sum of rank products and one number, off by (rank + 2)u of their magnitudes; the
  // sums of nonnegative numbers are off by (n + rank + 4)u of themselves. Twice as much is added.
  const auto size = static_cast<double>(rank);
  const double of_entries = (size + 2.0) * 0x1p-52;
  const double of_sums = 1.0 + (static_cast<double>(2 * n) + size + 8.0) * 0x1p-52;
  double worst = 0.0;
  std::vector<double> row(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::ranges::fill(row, 0.0);
    double magnitude = 0.0;
    for (std::size_t k = 0; k < rank; ++k) {
      const auto left = static_cast<double>(L[i + k * n]);
      magnitude += std::abs(left) * norms[k];
      for (std::size_t j = 0; j < n; ++j) row[j] -= left * static_cast<double>(R[j + k * n]);
    }
    A.for_row(i, [&](std::size_t j, double value) {
      magnitude += std::abs(value);
      row[j] += value;
    });
    double sum = 0.0;
    for (const double difference : row) sum += std::abs(difference);
    const double bound = (sum + of_entries * magnitude) * of_sums;
    if (!(bound <= worst)) worst = bound;
  }
  return worst;
}

}  // namespace

template <class T>
LowRankApproximation<T> low_rank_approximation(Context& context, const ImplicitModel<T>& model,
                                               index_t rank) {
  ModelOptions options = model.options();
  IDL_CHECK(!options.rank, "low_rank_approximation: A is L R^T of rank " +
                               std::to_string(*options.rank) + " already");
  options.rank = rank;
  validate(options);
  // Before anything of that size is filled: a rank for which there is no room is refused here.
  const index_t n = model.shape().states;
  Matrix<T> L_there(context, n, rank);
  Matrix<T> R_there(context, n, rank);
  const std::vector<T> M = download(context, model.M());
  const std::vector<StoredEntries> entries = stored_entries(context, model);
  const CsrArrays<double> A = arrays_of<T>(entries[0], M);
  SingularFactors factors = truncated_svd(A, static_cast<std::size_t>(rank));
  const double truncation = distance<double>(A, rounded<double>(factors.L, A.rows, rank),
                                             rounded<double>(factors.R, A.rows, rank));
  balance(factors, options.well_posedness);
  const std::vector<T> L = rounded<T>(factors.L, A.rows, rank);
  const std::vector<T> R = rounded<T>(factors.R, A.rows, rank);
  upload<T>(context, L, L_there);
  upload<T>(context, R, R_there);
  ModelMatrices<T> matrices = {.A = LowRankMatrix<T>{std::move(L_there), std::move(R_there)},
                               .B = matrix_of<T>(context, entries[1], M),
                               .C = matrix_of<T>(context, entries[2], M)};
  if (entries.size() > 3) matrices.D = matrix_of<T>(context, entries[3], M);
  ImplicitModel<T> made(context, matrices, options);
  const std::vector<T> projected_L = download(context, made.L());
  const std::vector<T> projected_R = download(context, made.R());
  return {.model = std::move(made),
          .truncation = truncation,
          .error = distance<T>(A, projected_L, projected_R)};
}

template LowRankApproximation<float> low_rank_approximation(Context&, const ImplicitModel<float>&,
                                                            index_t);
template LowRankApproximation<double> low_rank_approximation(Context&, const ImplicitModel<double>&,
                                                             index_t);

}  // namespace idl
