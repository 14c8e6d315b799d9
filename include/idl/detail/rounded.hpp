// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include "idl/detail/cuda_callable.hpp"

/// Operations rounded to nearest one by one, never fused: a formula made of these has the same bits
/// on every device. On the host this needs -ffp-contract=off, which the CPU backend is built with;
/// the device compiler fuses a*b+c unless told by intrinsics.
namespace idl::rounded {

IDL_CUDA_CALLABLE inline double add(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dadd_rn(a, b);
#else
  return a + b;
#endif
}

IDL_CUDA_CALLABLE inline float add(float a, float b) {
#ifdef __CUDA_ARCH__
  return __fadd_rn(a, b);
#else
  return a + b;
#endif
}

IDL_CUDA_CALLABLE inline double multiply(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}

IDL_CUDA_CALLABLE inline float multiply(float a, float b) {
#ifdef __CUDA_ARCH__
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}

IDL_CUDA_CALLABLE inline double divide(double a, double b) {
#ifdef __CUDA_ARCH__
  return __ddiv_rn(a, b);
#else
  return a / b;
#endif
}

IDL_CUDA_CALLABLE inline double square_root(double a) {
#ifdef __CUDA_ARCH__
  return __dsqrt_rn(a);
#else
  return std::sqrt(a);
#endif
}

/// ((c_k x + c_{k−1}) x + …) x + c_0, coefficients from the highest power down.
IDL_CUDA_CALLABLE inline double polynomial(double, double value) { return value; }
template <class... Rest>
IDL_CUDA_CALLABLE inline double polynomial(double x, double value, double next, Rest... rest) {
  return polynomial(x, add(multiply(value, x), next), rest...);
}

}  // namespace idl::rounded
