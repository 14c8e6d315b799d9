// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace idl::pictures {

struct Tick {
  double value = 0;
  std::string label;
};

/// A range of numbers and the round ones in it (1, 2 or 5 times a power of ten apart).
struct Axis {
  double low = 0;
  double high = 1;
  std::vector<Tick> ticks;

  /// Where `value` lies, 0 at low and 1 at high.
  double share(double value) const { return (value - low) / (high - low); }
};

/// A linear axis over [low, high] with about `count` ticks; whole numbers only if `whole`.
/// low < high, both finite.
Axis linear_axis(double low, double high, int count, bool whole);

/// Ticks for a logarithmic axis over [low, high]: powers of ten, at most some ten of them, and 2
/// and 5 times them where the range is below two decades. 0 < low < high, both finite.
std::vector<Tick> logarithmic_ticks(double low, double high);

/// "1 sample", "2 samples".
std::string counted(std::int64_t count, const std::string& noun);

/// `value` with so many significant digits, without trailing zeros.
std::string short_number(double value, int digits);

}  // namespace idl::pictures
