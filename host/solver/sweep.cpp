// SPDX-License-Identifier: MIT
#include <string>

#include "idl/error.hpp"
#include "idl/solver.hpp"

namespace idl {

std::string_view to_string(Sweep sweep) {
  switch (sweep) {
    case Sweep::jacobi:
      return "jacobi";
    case Sweep::gauss_seidel:
      return "gauss_seidel";
    case Sweep::automatic:
      return "automatic";
  }
  return "unknown";
}

Sweep parse_sweep(std::string_view name) {
  for (const Sweep known : {Sweep::jacobi, Sweep::gauss_seidel, Sweep::automatic})
    if (to_string(known) == name) return known;
  throw InvalidArgument("unknown sweep '" + std::string(name) +
                        "', known are: jacobi, gauss_seidel, automatic");
}

}  // namespace idl
