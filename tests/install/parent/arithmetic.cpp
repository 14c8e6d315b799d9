// SPDX-License-Identifier: MIT
// Whether a source of the guest, compiled as it is in this project, sees NaN.
#include <cstdio>
#include <limits>

#include "idl/detail/is_finite.hpp"

int main(int count, char**) {
  // Nothing that the compiler knows.
  const double nan = count * std::numeric_limits<double>::quiet_NaN();
  const double infinity = count * std::numeric_limits<double>::infinity();
  if (!idl::is_finite(nan) && !idl::is_finite(infinity) && idl::is_finite(1.0 * count)) return 0;
  std::puts("NaN or infinity count as finite");
  return 1;
}
