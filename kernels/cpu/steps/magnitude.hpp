// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

/// |x| as an integer. Magnitudes of one floating-point type are ordered as their bits are, with NaN
/// above infinity: an integer maximum of them is the maximum that keeps NaN, and unlike the
/// floating-point one compilers vectorise it.
namespace idl::cpu {

template <class T>
using Magnitude = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

template <class T>
inline Magnitude<T> magnitude(T x) {
  return std::bit_cast<Magnitude<T>>(x) & std::numeric_limits<Magnitude<T>>::max();
}

/// The |x| that belongs to a magnitude.
template <class T>
inline T from_magnitude(Magnitude<T> bits) {
  return std::bit_cast<T>(bits);
}

}  // namespace idl::cpu
