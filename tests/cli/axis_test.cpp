// SPDX-License-Identifier: MIT
#include "host/pictures/axis.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace idl::pictures {
namespace {

std::vector<std::string> labels(const std::vector<Tick>& ticks) {
  std::vector<std::string> result;
  for (const Tick& tick : ticks) result.push_back(tick.label);
  return result;
}

using Labels = std::vector<std::string>;

TEST(Axis, HasRoundNumbers) {
  EXPECT_EQ(labels(linear_axis(0, 1, 5, false).ticks),
            (Labels{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
  EXPECT_EQ(labels(linear_axis(77.3, 90.4, 6, false).ticks), (Labels{"80", "85", "90"}));
  EXPECT_EQ(labels(linear_axis(-0.021, 0.011, 4, false).ticks),
            (Labels{"-0.02", "-0.01", "0.00", "0.01"}));
  EXPECT_EQ(labels(linear_axis(1e9, 3e9, 2, false).ticks), (Labels{"1e+09", "2e+09", "3e+09"}));
}

TEST(Axis, OfWholeNumbersHasNoOthers) {
  EXPECT_EQ(labels(linear_axis(0.9, 3.1, 10, true).ticks), (Labels{"1", "2", "3"}));
  EXPECT_EQ(labels(linear_axis(1, 100, 10, true).ticks),
            (Labels{"10", "20", "30", "40", "50", "60", "70", "80", "90", "100"}));
}

TEST(Axis, KeepsTicksInsideAndInTheirPlace) {
  for (const double low : {-1e6, -3.7, 0.0, 1e-7, 12345.678}) {
    for (const double length : {1e-5, 0.3, 7.0, 1e8}) {
      const Axis axis = linear_axis(low, low + length, 6, false);
      EXPECT_GE(axis.ticks.size(), 3U) << low << " " << length;
      EXPECT_LE(axis.ticks.size(), 8U) << low << " " << length;
      for (const Tick& tick : axis.ticks) {
        EXPECT_GT(axis.share(tick.value), -1e-5);
        EXPECT_LT(axis.share(tick.value), 1 + 1e-5);
      }
    }
  }
  EXPECT_EQ(linear_axis(2, 4, 2, false).share(2.5), 0.25);
}

TEST(Axis, EndsWhereTheRangeIsTooNarrowForItsNumbers) {
  const double low = 1e17;
  EXPECT_LE(linear_axis(low, std::nextafter(low, 2e17), 6, false).ticks.size(), 20U);
}

TEST(Axis, LogarithmicTicksArePowersOfTen) {
  EXPECT_EQ(labels(logarithmic_ticks(0.0005, 0.2)), (Labels{"0.001", "0.01", "0.1"}));
  EXPECT_EQ(labels(logarithmic_ticks(3e-7, 2)),
            (Labels{"1e-06", "1e-05", "0.0001", "0.001", "0.01", "0.1", "1"}));
  EXPECT_EQ(labels(logarithmic_ticks(0.015, 0.3)), (Labels{"0.02", "0.05", "0.1", "0.2"}));
}

}  // namespace
}  // namespace idl::pictures
