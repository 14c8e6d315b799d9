// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "host/model/structure/low_rank.hpp"
#include "idl/csr_matrix.hpp"
#include "idl/matrix.hpp"
#include "idl/model_description.hpp"
#include "idl/well_posedness.hpp"

namespace idl {

/// What rounding may leave of a row's sum above κ: the threshold of a projection comes from sums of
/// n entries, which before it may be several times as large; four times are allowed for.
/// @param epsilon  of the precision in which A was projected or to which it is rounded
inline double rounding_of(const WellPosedness& constraint, index_t n, double epsilon) {
  if (constraint.kind != WellPosednessKind::inf_norm_ball) return 0.0;
  return 4.0 * (static_cast<double>(n) + 4.0) * epsilon * constraint.kappa;
}

/// The same of factors of this rank, where there is one.
inline double rounding_of(const WellPosedness& constraint, index_t n, std::optional<index_t> rank,
                          double epsilon) {
  return rank ? rounding_of(of_factors(constraint), std::max(n, *rank), epsilon)
              : rounding_of(constraint, n, epsilon);
}

/// Where A of a file lies for who rounds it to a precision, which may move a row's sum too.
inline ConstraintDistance as_rounded(ConstraintDistance distance, const ModelDescription& model,
                                     double epsilon) {
  distance.rounding = std::max(
      distance.rounding,
      rounding_of(model.options.well_posedness, model.shape.states, model.options.rank, epsilon));
  return distance;
}

/// A row of A: |A_ij| for the columns j that are stored, ascending.
struct RowMagnitudes {
  std::vector<index_t> columns;
  std::vector<double> values;
};

/// By how much the projection moves row i of A in the ℓ1 norm; negative where the row could be
/// longer by so much.
double row_distance(const WellPosedness& constraint, index_t i, const RowMagnitudes& row);

/// Of a matrix of n rows; take_row(i, row) sets row i.
/// @param epsilon  as for rounding_of
template <class TakeRow>
ConstraintDistance distance_to(const WellPosedness& constraint, index_t n, double epsilon,
                               const TakeRow& take_row) {
  ConstraintDistance result;
  RowMagnitudes row;
  for (index_t i = 0; i < n; ++i) {
    take_row(i, row);
    const double sum = std::accumulate(row.values.begin(), row.values.end(), 0.0);
    result.inf_norm = std::max(result.inf_norm, sum);
    result.distance = std::max(result.distance, row_distance(constraint, i, row));
  }
  result.rounding = rounding_of(constraint, n, epsilon);
  return result;
}

/// The rows of a matrix with so many columns and the entries at(i, j), i the row.
template <class At>
auto dense_rows(index_t cols, At at) {
  return [cols, at](index_t i, RowMagnitudes& row) {
    const auto count = static_cast<std::size_t>(cols);
    row.columns.resize(count);
    row.values.resize(count);
    for (index_t j = 0; j < cols; ++j) {
      row.columns[static_cast<std::size_t>(j)] = j;
      row.values[static_cast<std::size_t>(j)] = std::abs(static_cast<double>(at(i, j)));
    }
  };
}

/// Of A = LRᵀ, whose factors have n rows and `rank` columns and the entries L(i, k) and R(i, k): by
/// how much the projection moves a row of L or of Rᵀ.
template <class EntryOfL, class EntryOfR>
ConstraintDistance distance_of_factors(const WellPosedness& constraint, index_t n, index_t rank,
                                       double epsilon, EntryOfL L, EntryOfR R) {
  const WellPosedness each = of_factors(constraint);
  ConstraintDistance result = distance_to(each, n, epsilon, dense_rows(rank, L));
  const ConstraintDistance of_R = distance_to(
      each, rank, epsilon, dense_rows(n, [R](index_t k, index_t i) { return R(i, k); }));
  result.inf_norm = std::max(result.inf_norm, of_R.inf_norm);
  result.distance = std::max(result.distance, of_R.distance);
  result.rounding = rounding_of(constraint, n, rank, epsilon);
  result.of_factors = true;
  return result;
}

/// The rows of a matrix in compressed rows.
template <class T>
auto csr_rows(CsrArrays<T> A) {
  return [A = std::move(A)](index_t i, RowMagnitudes& row) {
    row.columns.clear();
    row.values.clear();
    A.for_row(static_cast<std::size_t>(i), [&](std::size_t column, T value) {
      row.columns.push_back(static_cast<index_t>(column));
      row.values.push_back(std::abs(static_cast<double>(value)));
    });
  };
}

}  // namespace idl
