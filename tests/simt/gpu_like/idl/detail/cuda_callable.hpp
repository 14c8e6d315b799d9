// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

/// Takes the place of idl/detail/cuda_callable.hpp in the GPU-like emulation, which defines
/// __CUDA_ARCH__ so that the element functions are those of the device.

/// Inlined everywhere: the program also holds the CPU backend's copies of these functions, compiled
/// otherwise, of which the linker would keep one for both.
#define IDL_CUDA_CALLABLE __attribute__((always_inline))

// CUDA's operations that are never fused. The compiler cannot see through the empty instruction.
#define IDL_SIMT_ROUNDED(name, T, expression)              \
  __attribute__((always_inline)) inline T name(T a, T b) { \
    T result = expression;                                 \
    asm volatile("" : "+m"(result));                       \
    return result;                                         \
  }
IDL_SIMT_ROUNDED(__dadd_rn, double, a + b)
IDL_SIMT_ROUNDED(__fadd_rn, float, a + b)
IDL_SIMT_ROUNDED(__dmul_rn, double, a* b)
IDL_SIMT_ROUNDED(__fmul_rn, float, a* b)
IDL_SIMT_ROUNDED(__ddiv_rn, double, a / b)
#undef IDL_SIMT_ROUNDED
// NOLINTNEXTLINE(bugprone-reserved-identifier, readability-identifier-naming): CUDA's name.
__attribute__((always_inline)) inline double __dsqrt_rn(double a) { return std::sqrt(a); }

/// CUDA's elementary functions: an ulp off in a third of the calls, but exact where the answer has
/// a reason to be: 0, 1 and 2, which are values at 0 or limits.
namespace idl::simt::libm {

template <class T>
inline T perhaps_off(T y) {
  const T size = std::abs(y);
  if (!(size > std::numeric_limits<T>::min() && size < std::numeric_limits<T>::max()) ||
      size == T(1) || size == T(2))
    return y;
  std::uint64_t hash = 0;
  std::memcpy(&hash, &y, sizeof y);
  hash *= 0x9E3779B97F4A7C15U;
  hash ^= hash >> 29U;
  hash *= 0xBF58476D1CE4E5B9U;
  hash ^= hash >> 32U;
  if (hash % 6 == 0) return std::nextafter(y, std::numeric_limits<T>::infinity());
  if (hash % 6 == 1) return std::nextafter(y, -std::numeric_limits<T>::infinity());
  return y;
}

// clang-format off
template <class T> inline T exp(T x) { return perhaps_off(std::exp(x)); }
template <class T> inline T expm1(T x) { return perhaps_off(std::expm1(x)); }
template <class T> inline T log(T x) { return perhaps_off(std::log(x)); }
template <class T> inline T log1p(T x) { return perhaps_off(std::log1p(x)); }
template <class T> inline T tanh(T x) { return perhaps_off(std::tanh(x)); }
template <class T> inline T erfc(T x) { return perhaps_off(std::erfc(x)); }
// clang-format on

}  // namespace idl::simt::libm

// What std::exp and its kin mean in the kernels: a name of this std hides the same name of ::std,
// and all others are as ever.
#define IDL_SIMT_STD       \
  namespace std {          \
  using namespace ::std;   \
  using simt::libm::erfc;  \
  using simt::libm::exp;   \
  using simt::libm::expm1; \
  using simt::libm::log;   \
  using simt::libm::log1p; \
  using simt::libm::tanh;  \
  }
namespace idl::elementary {
IDL_SIMT_STD
}
namespace idl::cuda {
IDL_SIMT_STD
}
#undef IDL_SIMT_STD
