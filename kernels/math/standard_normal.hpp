// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>

#include "idl/detail/cuda_callable.hpp"
#include "idl/detail/rounded.hpp"
#include "kernels/math/philox.hpp"

/// The standard normal distribution by inversion, in correctly rounded operations only: the same
/// bits on every device. The logarithm is made here because no two libraries round theirs alike.
namespace idl {

/// log x for positive normal x, to about 1e-16 relative away from x = 1: x = 2ᵉ·f with f in
/// [√½, √2), log f = 2 artanh(s) with s = (f−1)/(f+1), |s| < 0.172.
IDL_CUDA_CALLABLE inline double reproducible_log(double x) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  auto exponent = static_cast<std::int64_t>(bits >> 52U) - 1023;
  bits = (bits & 0xFFFFFFFFFFFFFU) | 0x3FF0000000000000U;
  double f = 0;
  std::memcpy(&f, &bits, sizeof f);
  if (f > 1.4142135623730951) {
    f *= 0.5;  // exact
    exponent += 1;
  }
  const double s = rounded::divide(rounded::add(f, -1.0), rounded::add(f, 1.0));
  const double s2 = rounded::multiply(s, s);
  const double series =
      rounded::polynomial(s2, 1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
                          1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1.0);
  return rounded::add(rounded::multiply(static_cast<double>(exponent), 0.6931471805599453),
                      rounded::multiply(rounded::multiply(2.0, s), series));
}

/// The x with Φ(x) = p, 0 < p < 1, to about 1e-16 relative. Source: Wichura, "Algorithm AS 241: the
/// percentage points of the normal distribution", Applied Statistics 37 (1988), routine PPND16.
IDL_CUDA_CALLABLE inline double inverse_normal(double p) {
  using rounded::add;
  using rounded::divide;
  using rounded::multiply;
  using rounded::polynomial;
  const double q = add(p, -0.5);
  if (q >= -0.425 && q <= 0.425) {
    const double r = add(0.180625, -multiply(q, q));
    const double numerator =
        polynomial(r, 2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
                   4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
                   1.3314166789178437745e2, 3.3871328727963666080e0);
    const double denominator =
        polynomial(r, 5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
                   2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
                   4.2313330701600911252e1, 1.0);
    return divide(multiply(q, numerator), denominator);
  }
  const double tail = q < 0 ? p : add(1.0, -p);
  const double r = rounded::square_root(-reproducible_log(tail));
  double numerator = 0;
  double denominator = 1;
  if (r <= 5.0) {
    const double t = add(r, -1.6);
    numerator =
        polynomial(t, 7.74545014278341407640e-4, 2.27238449892691845833e-2,
                   2.41780725177450611770e-1, 1.27045825245236838258e0, 3.64784832476320460504e0,
                   5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0);
    denominator =
        polynomial(t, 1.05075007164441684324e-9, 5.47593808499534494600e-4,
                   1.51986665636164571966e-2, 1.48103976427480074590e-1, 6.89767334985100004550e-1,
                   1.67638483018380384940e0, 2.05319162663775882187e0, 1.0);
  } else {
    const double t = add(r, -5.0);
    numerator =
        polynomial(t, 2.01033439929228813265e-7, 2.71155556874348757815e-5,
                   1.24266094738807843860e-3, 2.65321895265761230930e-2, 2.96560571828504891230e-1,
                   1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0);
    denominator =
        polynomial(t, 2.04426310338993978564e-15, 1.42151175831644588870e-7,
                   1.84631831751005468180e-5, 7.86869131145613259100e-4, 1.48753612908506148525e-2,
                   1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0);
  }
  const double x = divide(numerator, denominator);
  return q < 0 ? -x : x;
}

/// The standard normal number that belongs to 64 random bits.
IDL_CUDA_CALLABLE inline double standard_normal(std::uint64_t bits) {
  return inverse_normal(uniform(bits));
}

}  // namespace idl
