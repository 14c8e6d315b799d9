// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "idl/detail/cuda_callable.hpp"

/// The elementary functions of the activations. On the device they are CUDA's. On the host they are
/// made of additions, multiplications, divisions and bit operations without a branch, so that
/// loops over them are vectorised, which those of the C library are not; the relative error of each
/// is below 5 epsilon of T. All keep NaN.
namespace idl::elementary {

template <class T>
struct Layout;

template <>
struct Layout<float> {
  using Bits = std::uint32_t;
  static constexpr int k_fraction = 23;
  static constexpr Bits k_bias = 127;
  static constexpr float k_round = 0x1.8p23F;  ///< x + k_round − k_round rounds x to an integer
  static constexpr float k_ln2_high = 0.693359375F;
  static constexpr float k_ln2_low = -2.12194440e-4F;
  static constexpr float k_least_exponent = -104.0F;    ///< exp underflows to 0 below
  static constexpr float k_greatest_exponent = 89.0F;   ///< exp overflows to +inf above
  static constexpr float k_least_exp_minus_1 = -20.0F;  ///< exp(x) − 1 rounds to −1 below
};

template <>
struct Layout<double> {
  using Bits = std::uint64_t;
  static constexpr int k_fraction = 52;
  static constexpr Bits k_bias = 1023;
  static constexpr double k_round = 0x1.8p52;
  static constexpr double k_ln2_high = 6.93145751953125e-1;
  static constexpr double k_ln2_low = 1.42860682030941723212e-6;
  static constexpr double k_least_exponent = -746.0;
  static constexpr double k_greatest_exponent = 710.0;
  static constexpr double k_least_exp_minus_1 = -40.0;
};

template <class T>
inline typename Layout<T>::Bits to_bits(T x) {
  typename Layout<T>::Bits bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

template <class T>
inline T from_bits(typename Layout<T>::Bits bits) {
  T x = T(0);
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

/// Horner's rule, coefficients from the highest power down.
template <class T, class... C>
inline T polynomial(T x, C... coefficients) {
  T value = T(0);
  ((value = value * x + static_cast<T>(coefficients)), ...);
  return value;
}

/// eʳ − 1 for |r| <= 0.37: r + r²·P(r). Float: the coefficients of Cephes' expf; double: Taylor's,
/// whose remainder is below 2⁻⁵⁵.
template <class T>
inline T reduced_exp_minus_1(T r) {
  T p = T(0);
  if constexpr (std::is_same_v<T, float>) {
    p = polynomial(r, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2,
                   1.6666665459e-1, 5.0000001201e-1);
  } else {
    p = polynomial(r, 1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
                   1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6,
                   0.5);
  }
  return r + r * r * p;
}

/// x = n·ln 2 + r with an integer n and |r| <= 0.35; n is also given as the bits of an integer.
template <class T>
struct Reduced {
  T r;
  T n;
  typename Layout<T>::Bits n_bits;
};

template <class T>
inline Reduced<T> reduce(T x) {
  using L = Layout<T>;
  const T shifted = x * T(1.44269504088896340736) + L::k_round;
  const T n = shifted - L::k_round;
  return {(x - n * L::k_ln2_high) - n * L::k_ln2_low, n,
          to_bits<T>(shifted) - to_bits<T>(L::k_round)};
}

/// 2ⁿ for a normal result; n as the bits of an integer.
template <class T>
inline T power_of_2(typename Layout<T>::Bits n) {
  return from_bits<T>((n + Layout<T>::k_bias) << static_cast<unsigned>(Layout<T>::k_fraction));
}

/// e^(x + low) for a small correction `low`.
template <class T>
inline T host_exp(T x, T low) {
  using L = Layout<T>;
  x = x < L::k_least_exponent ? L::k_least_exponent : x;
  x = x > L::k_greatest_exponent ? L::k_greatest_exponent : x;
  const Reduced<T> reduced = reduce(x);
  const T p = reduced_exp_minus_1(reduced.r + low);
  // In two factors, for results beyond the normal numbers. Half of n, rounded down, by a shift of
  // what an even offset has made positive.
  constexpr typename L::Bits k_offset = 4 * L::k_bias + 4;
  const typename L::Bits half = ((reduced.n_bits + k_offset) >> 1U) - k_offset / 2;
  return (T(1) + p) * power_of_2<T>(half) * power_of_2<T>(reduced.n_bits - half);
}

/// eˣ.
template <class T>
IDL_CUDA_CALLABLE inline T exp(T x) {
#ifdef __CUDA_ARCH__
  return std::exp(x);
#else
  return host_exp(x, T(0));
#endif
}

/// eˣ − 1 for x <= 0; for other x the answer is 0.
template <class T>
IDL_CUDA_CALLABLE inline T exp_minus_1_of_negative(T x) {
#ifdef __CUDA_ARCH__
  return x > T(0) ? T(0) : std::expm1(x);
#else
  using L = Layout<T>;
  x = x < L::k_least_exp_minus_1 ? L::k_least_exp_minus_1 : x;
  x = x > T(0) ? T(0) : x;
  const Reduced<T> reduced = reduce(x);
  const T scale = power_of_2<T>(reduced.n_bits);
  return scale * reduced_exp_minus_1(reduced.r) + (scale - T(1));
#endif
}

/// log(1 + x) for 0 <= x <= 1: 2 artanh(s), s = x/(2+x) <= 1/3, by its series.
template <class T>
IDL_CUDA_CALLABLE inline T log_1_plus_fraction(T x) {
#ifdef __CUDA_ARCH__
  return std::log1p(x);
#else
  const T s = x / (T(2) + x);
  const T s2 = s * s;
  T series = T(0);
  if constexpr (std::is_same_v<T, float>) {
    series =
        polynomial(s2, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3);
  } else {
    series = polynomial(s2, 1.0 / 35, 1.0 / 33, 1.0 / 31, 1.0 / 29, 1.0 / 27, 1.0 / 25, 1.0 / 23,
                        1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9,
                        1.0 / 7, 1.0 / 5, 1.0 / 3);
  }
  return T(2) * (s + s * s2 * series);
#endif
}

/// tanh x = −t/(2+t) with t = e^(−2|x|) − 1, and the sign of x.
template <class T>
IDL_CUDA_CALLABLE inline T tanh(T x) {
#ifdef __CUDA_ARCH__
  return std::tanh(x);
#else
  const T t = exp_minus_1_of_negative(T(-2) * std::abs(x));
  const auto sign = to_bits<T>(x) ^ to_bits<T>(std::abs(x));
  return from_bits<T>(to_bits<T>(-t / (T(2) + t)) | sign);
#endif
}

/// The standard normal distribution function Φ and density ϕ at one point.
template <class T>
struct Normal {
  T distribution;
  T density;
};

/// With z = |x| and t = 1/(1 + 0.3 z): Φ(−z) = e^(−z²/2)·t·Q(t), Q the Chebyshev approximation of
/// the rest (relative error 4e-9 in float, 4e-17 in double), written in powers of u(t) in [−1, 1].
template <class T>
IDL_CUDA_CALLABLE inline Normal<T> normal(T x) {
#ifdef __CUDA_ARCH__
  return {T(0.5) * std::erfc(T(-0.70710678118654752440) * x),
          T(0.39894228040143267794) * std::exp(T(-0.5) * x * x)};
#else
  T z = std::abs(x);
  z = z > T(40) ? T(40) : z;
  // z² in two parts, the first exact, since an error of z² is multiplied by z²/2 in the result.
  constexpr auto k_upper_half =
      ~((typename Layout<T>::Bits{1} << (Layout<T>::k_fraction / 2 + 1)) - 1);
  const T upper = from_bits<T>(to_bits<T>(z) & k_upper_half);
  const T exponential = host_exp(T(-0.5) * upper * upper, T(-0.5) * (z - upper) * (z + upper));
  const T t = T(1) / (T(1) + T(0.3) * z);
  T q = T(0);
  if constexpr (std::is_same_v<T, float>) {
    q = polynomial(T(2.4597701149425287) * t - T(1.4597701149425287), 4.5442593376e-7,
                   -6.2118321321e-6, 5.9266021468e-7, 8.0856855356e-5, -4.2287739704e-5,
                   -0.0010072706002, -0.00029662693404, 0.015163734329, 0.067650774854,
                   0.1625160883, 0.25593989519);
  } else {
    q = polynomial(T(2.1709401709401709402) * t - T(1.1709401709401709402), -6.9707282583554978e-11,
                   -7.26207909689171278e-11, 8.65974175734164587e-10, -8.25878410547606723e-11,
                   -4.92065596806709106e-9, 6.44812774416102752e-9, 1.347726453405306e-8,
                   -5.2601246443280073e-8, 2.22918287286394987e-8, 2.4339247327939618e-7,
                   -5.2026340494736134e-7, -6.36600841894274231e-7, 4.04975527034752511e-6,
                   -8.90477940273310615e-7, -0.0000262330202496111455, 0.0000273149280838406743,
                   0.000185184649765958123, -0.000248071425904271569, -0.00176300898514972103,
                   0.000586618696583517137, 0.0220314980985461931, 0.0790689804595409484,
                   0.164655633588096065, 0.235479851868753707);
  }
  const T tail = exponential * t * q;
  const T other = T(1) - tail;
  return {x > T(0) ? other : tail, T(0.39894228040143267794) * exponential};
#endif
}

}  // namespace idl::elementary
