// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace idl {

/// What is known of a device beside its name, for records of measurements: names and values.
using Facts = std::vector<std::pair<std::string, std::string>>;

}  // namespace idl
