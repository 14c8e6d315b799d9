// SPDX-License-Identifier: MIT
#include "host/model/constraint_distance.hpp"

#include <sstream>

namespace idl {

std::string to_text(const ConstraintDistance& distance, const WellPosedness& constraint) {
  std::ostringstream text;
  text << "|A|_inf is " << distance.inf_norm;
  if (constraint.kind == WellPosednessKind::inf_norm_ball)
    text << ", kappa is " << constraint.kappa;
  text << ", and the projection onto " << to_string(constraint.kind) << " moves a row by up to "
       << distance.distance;
  return text.str();
}

}  // namespace idl
