// SPDX-License-Identifier: MIT
#include "host/model/constraint_distance.hpp"

#include <sstream>

namespace idl {

double row_distance(const WellPosedness& constraint, index_t i, const RowMagnitudes& row) {
  const auto sum = [&row](std::size_t count) {
    return std::accumulate(row.values.begin(),
                           row.values.begin() + static_cast<std::ptrdiff_t>(count), 0.0);
  };
  switch (constraint.kind) {
    case WellPosednessKind::inf_norm_ball:
      // All signs stay, so that the row moves by what its norm exceeds κ.
      return sum(row.values.size()) - constraint.kappa;
    case WellPosednessKind::strictly_upper_triangular:
      return sum(
          static_cast<std::size_t>(std::ranges::upper_bound(row.columns, i) - row.columns.begin()));
    case WellPosednessKind::none:
      return 0.0;
  }
  return 0.0;
}

std::string to_text(const ConstraintDistance& distance, const WellPosedness& constraint) {
  std::ostringstream text;
  text << (distance.of_factors ? "the larger of |L|_inf and |R^T|_inf is " : "|A|_inf is ")
       << distance.inf_norm;
  if (constraint.kind == WellPosednessKind::inf_norm_ball)
    text << ", kappa is " << constraint.kappa
         << (distance.of_factors ? ", of which each may have the root" : "");
  text << ", and the projection onto " << to_string(constraint.kind) << " moves a row by up to "
       << distance.distance;
  return text.str();
}

}  // namespace idl
