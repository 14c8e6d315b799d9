// SPDX-License-Identifier: MIT
#include <string>

#include "idl/error.hpp"
#include "idl/solver.hpp"

namespace idl {

std::string_view to_string(Acceleration acceleration) {
  switch (acceleration) {
    case Acceleration::none:
      return "none";
    case Acceleration::anderson:
      return "anderson";
    case Acceleration::automatic:
      return "automatic";
  }
  return "unknown";
}

Acceleration parse_acceleration(std::string_view name) {
  for (const Acceleration known :
       {Acceleration::none, Acceleration::anderson, Acceleration::automatic})
    if (to_string(known) == name) return known;
  throw InvalidArgument("unknown acceleration '" + std::string(name) +
                        "', known are: none, anderson, automatic");
}

}  // namespace idl
