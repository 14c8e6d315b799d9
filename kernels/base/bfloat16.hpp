// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>

#include "idl/detail/cuda_callable.hpp"

namespace idl {

/// The upper half of a float: 8 bits of precision, the range of a float.
struct BFloat16 {
  std::uint16_t bits;
};

/// To nearest, ties to even; NaN stays NaN.
IDL_CUDA_CALLABLE inline BFloat16 to_bfloat16(float x) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  if ((bits & 0x7fffffffU) > 0x7f800000U)
    return {static_cast<std::uint16_t>((bits >> 16U) | 0x40U)};
  bits += 0x7fffU + ((bits >> 16U) & 1U);
  return {static_cast<std::uint16_t>(bits >> 16U)};
}

IDL_CUDA_CALLABLE inline float to_float(BFloat16 x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x.bits) << 16U;
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace idl
