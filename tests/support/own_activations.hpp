// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <string_view>

#include "idl/custom_activation.hpp"

/// Own activations of the tests.
namespace idl::test {

/// Leaky ReLU once more, whose bits are those of the library's.
template <class T>
struct OwnLeakyRelu {
  static constexpr std::string_view k_name = "own_leaky_relu";
  static constexpr double k_usual_alpha = 0.25;
  static constexpr double k_at_zero = 0.0;
  static double lipschitz(double alpha) { return std::abs(alpha) > 1.0 ? std::abs(alpha) : 1.0; }
  T alpha;
  IDL_CUDA_CALLABLE T operator()(T x) const {
    const T scaled = alpha * x;
    return x > T(0) ? x : scaled;
  }
  IDL_CUDA_CALLABLE T derivative(T x) const { return x > T(0) ? T(1) : (x <= T(0) ? alpha : x); }
};

/// log cosh x, smooth, steep nowhere, not zero-centred in slope: |φ'| = |tanh x| < 1.
template <class T>
struct LogCosh {
  static constexpr std::string_view k_name = "log_cosh";
  static constexpr double k_at_zero = 0.0;
  static double lipschitz(double) { return 1.0; }
  IDL_CUDA_CALLABLE T operator()(T x) const {
    const T size = std::abs(x);
    return size + std::log1p(std::exp(T(-2) * size)) - T(0.69314718055994530942);
  }
  IDL_CUDA_CALLABLE T derivative(T x) const { return std::tanh(x); }
};

/// SiLU, whose slope exceeds 1.
template <class T>
struct OwnSilu {
  static constexpr std::string_view k_name = "own_silu";
  static constexpr double k_at_zero = 0.0;
  static double lipschitz(double) { return 1.0998393201288670; }
  IDL_CUDA_CALLABLE T operator()(T x) const { return x / (T(1) + std::exp(-x)); }
  IDL_CUDA_CALLABLE T derivative(T x) const {
    const T sigma = T(1) / (T(1) + std::exp(-x));
    return sigma * (T(1) + x * (T(1) - sigma));
  }
};

}  // namespace idl::test
