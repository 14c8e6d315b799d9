// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "host/model/structure/structure.hpp"
#include "idl/matrix.hpp"
#include "idl/well_posedness.hpp"

namespace idl {

/// Where A lies with respect to its constraint, whose projection is P.
struct ConstraintDistance {
  double inf_norm = 0;  ///< ‖A‖∞
  double distance = 0;  ///< ‖A − P(A)‖∞: by how much projecting would move a row at most
  double rounding = 0;  ///< so much of it may be the rounding of a row's sum

  bool outside() const { return distance > rounding; }
};

/// What rounding may leave of a row's sum above κ: the threshold of a projection comes from sums of
/// n entries, which before it may be several times as large; four times are allowed for.
/// @param epsilon  of the precision in which A was projected or to which it is rounded
inline double rounding_of(const WellPosedness& constraint, index_t n, double epsilon) {
  if (constraint.kind != WellPosednessKind::inf_norm_ball) return 0.0;
  return 4.0 * (static_cast<double>(n) + 4.0) * epsilon * constraint.kappa;
}

/// Of the n×n matrix with the entries at(i, j), i the row.
/// @param epsilon  as for rounding_of
template <class At>
ConstraintDistance distance_to(const WellPosedness& constraint, index_t n, double epsilon,
                               const At& at) {
  ConstraintDistance result;
  const Structure<double>& structure = structure_of<double>(constraint.kind);
  std::vector<double> magnitudes(static_cast<std::size_t>(n));
  for (index_t i = 0; i < n; ++i) {
    double sum = 0.0;
    for (index_t j = 0; j < n; ++j) {
      const double magnitude = std::abs(static_cast<double>(at(i, j)));
      magnitudes[static_cast<std::size_t>(j)] = magnitude;
      sum += magnitude;
    }
    result.inf_norm = std::max(result.inf_norm, sum);
    result.distance = std::max(result.distance, structure.row_distance(constraint, i, magnitudes));
  }
  result.rounding = rounding_of(constraint, n, epsilon);
  return result;
}

/// "|A|_inf is 4.43, kappa is 0.95: ...".
std::string to_text(const ConstraintDistance& distance, const WellPosedness& constraint);

}  // namespace idl
