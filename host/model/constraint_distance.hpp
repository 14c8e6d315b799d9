// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

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

/// The rows of the n×n matrix with the entries at(i, j), i the row.
template <class At>
auto dense_rows(index_t n, At at) {
  return [n, at](index_t i, RowMagnitudes& row) {
    const auto count = static_cast<std::size_t>(n);
    row.columns.resize(count);
    row.values.resize(count);
    for (index_t j = 0; j < n; ++j) {
      row.columns[static_cast<std::size_t>(j)] = j;
      row.values[static_cast<std::size_t>(j)] = std::abs(static_cast<double>(at(i, j)));
    }
  };
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
