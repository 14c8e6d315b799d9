// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "bench/support/devices.hpp"

namespace idl::bench {

/// All that add_benches was given, for main.
struct Registered {
  Registration add;
  Compares compares;
};
const std::vector<Registered>& registrations();

}  // namespace idl::bench
