// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "bench/support/devices.hpp"

namespace idl::bench {

/// All that add_benches was given, for main.
const std::vector<Registration>& registrations();

}  // namespace idl::bench
