// SPDX-License-Identifier: MIT
#include "host/io/half_precision.hpp"

#include <gtest/gtest.h>

#include "kernels/base/bfloat16.hpp"

namespace idl::io {
namespace {

/// The value by its definition in IEEE 754, in double.
double value_of(unsigned bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double fraction = bits & ((1U << fraction_bits) - 1U);
  const double sign = (bits & 0x8000U) != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return fraction != 0 ? std::nan("") : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign *
         std::ldexp(fraction + std::ldexp(1.0, fraction_bits), exponent - bias - fraction_bits);
}

void expect_same(float value, double expected, unsigned bits) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(value)) << bits;
  } else {
    EXPECT_EQ(static_cast<double>(value), expected) << bits;
    EXPECT_EQ(std::signbit(value), std::signbit(expected)) << bits;
  }
}

TEST(HalfPrecision, EveryBinary16WidensExactly) {
  for (unsigned bits = 0; bits <= 0xFFFFU; ++bits)
    expect_same(widen_f16(static_cast<std::uint16_t>(bits)), value_of(bits, 5, 10), bits);
}

TEST(HalfPrecision, EveryBfloat16WidensExactly) {
  for (unsigned bits = 0; bits <= 0xFFFFU; ++bits)
    expect_same(to_float(BFloat16{static_cast<std::uint16_t>(bits)}), value_of(bits, 8, 7), bits);
}

}  // namespace
}  // namespace idl::io
