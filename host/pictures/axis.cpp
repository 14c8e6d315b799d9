// SPDX-License-Identifier: MIT
#include "host/pictures/axis.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace idl::pictures {
namespace {

std::string with_decimals(double value, int decimals) {
  std::array<char, 400> buffer{};  // a double has at most 309 digits before the point
  std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  return buffer.data();
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `least`.
double round_step(double least) {
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

}  // namespace

std::string short_number(double value, int digits) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*g", digits, value);
  return buffer.data();
}

std::string counted(std::int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

Axis linear_axis(double low, double high, int count, bool whole) {
  double step = round_step((high - low) / count);
  if (whole) step = std::max(step, 1.0);
  const int decimals = std::clamp(static_cast<int>(-std::floor(std::log10(step) + 1e-9)), 0, 12);
  Axis axis{low, high, {}};
  const double slack = 1e-6 * step;
  for (double i = std::ceil((low - slack) / step); i * step <= high + slack; ++i) {
    const double value = i == 0 ? 0.0 : i * step;  // never −0
    const std::string label = step < 1e6 ? with_decimals(value, decimals) : short_number(value, 6);
    axis.ticks.push_back({value, label});
    if (i == i + 1) break;  // the range is too narrow for its distance from zero
  }
  return axis;
}

std::vector<Tick> logarithmic_ticks(double low, double high) {
  const double decades = std::log10(high) - std::log10(low);
  const bool dense = decades < 2;
  const double step = std::max(1.0, std::ceil(decades / 10));
  std::vector<Tick> ticks;
  for (double k = std::floor(std::log10(low)); k <= std::log10(high); k += step) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double value = factor * std::pow(10, k);
      if ((dense || factor == 1) && value >= low && value <= high)
        ticks.push_back({value, short_number(value, 1)});
    }
  }
  return ticks;
}

}  // namespace idl::pictures
