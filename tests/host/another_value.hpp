// SPDX-License-Identifier: MIT
#pragma once

#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "host/options/option_table.hpp"

/// Values for tests that walk the tables of options.
namespace idl::test {

/// A value that the option may have and that `value` is not.
template <class Value>
Value another(Value value) {
  if constexpr (std::is_same_v<Value, bool>) {
    return !value;
  } else if constexpr (std::is_same_v<Value, StopRule>) {
    return value == StopRule::step ? StopRule::certified_bound : StopRule::step;
  } else if constexpr (std::is_enum_v<Value>) {
    const auto& values = k_named<Value>.values;
    return values[0].value == value ? values[1].value : values[0].value;
  } else if constexpr (std::is_integral_v<Value>) {
    return value + 1;
  } else if constexpr (std::is_same_v<Value, std::string>) {
    return value == "A" ? "B" : "A";
  } else {
    return value == Value(0.25) ? Value(0.5) : Value(0.25);
  }
}

/// Numbers that are not within the range: a negative one, and what is no number or not finite.
template <class Value>
std::vector<Value> values_out_of(const NumberRange& range) {
  std::vector<Value> values = {Value(-1)};
  if (range.highest_excluded || range.highest == 1.0) values.push_back(Value(2));
  if constexpr (std::is_floating_point_v<Value>) {
    values.push_back(std::numeric_limits<Value>::quiet_NaN());
    values.push_back(std::numeric_limits<Value>::infinity());
  }
  return values;
}

}  // namespace idl::test
