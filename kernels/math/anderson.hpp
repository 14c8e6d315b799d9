// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "idl/detail/cuda_callable.hpp"
#include "idl/detail/is_finite.hpp"
#include "idl/detail/rounded.hpp"

/// The part of AndersonMix that is the same for all entries of a column.
namespace idl {

/// Inner products of d_i = G − G_i, i = 1 the newest point, with each other and with G.
template <class T>
struct AndersonProducts {
  T d11 = T(0);
  T d12 = T(0);
  T d22 = T(0);
  T d1G = T(0);
  T d2G = T(0);
};

/// γ of the newest point and of the one before.
template <class T>
struct AndersonWeights {
  T newest;
  T older;
};

/// Where a mixed point is judged: whether it has to be thrown away.
template <class T>
IDL_CUDA_CALLABLE inline bool anderson_rejects(std::int32_t points, T step, T accepted,
                                               T decrease) {
  return points >= 2 && !(step <= decrease * accepted);
}

/// ab − cd. Rounded one by one, since a compiler may fuse either product and the bits must not
/// depend on the kernel.
IDL_CUDA_CALLABLE inline double difference_of_products(double a, double b, double c, double d) {
  return rounded::add(rounded::multiply(a, b), -rounded::multiply(c, d));
}

/// γ = argmin ‖G − Σ γ_i d_i‖₂² + μ‖γ‖² with μ = 10⁻⁶ Σ‖d_i‖₂², from the normal equations in
/// double; 0, the plain iteration, where these are singular or not finite. `points` counts those
/// known. Without μ, directions that differ by less than their rounding would get huge weights.
template <class T>
IDL_CUDA_CALLABLE inline AndersonWeights<T> anderson_weights(const AndersonProducts<T>& products,
                                                             std::int32_t points) {
  if (points < 1) return {T(0), T(0)};
  const double b1 = static_cast<double>(products.d1G);
  const double b2 = points < 2 ? 0.0 : static_cast<double>(products.d2G);
  const double a12 = points < 2 ? 0.0 : static_cast<double>(products.d12);
  const double d11 = static_cast<double>(products.d11);
  const double d22 = points < 2 ? 0.0 : static_cast<double>(products.d22);
  const double ridge = 1e-6 * (d11 + d22);
  const double a11 = d11 + ridge;
  const double a22 = points < 2 ? 1.0 : d22 + ridge;
  const double determinant = difference_of_products(a11, a22, a12, a12);
  const double first = difference_of_products(b1, a22, b2, a12) / determinant;
  const double second = difference_of_products(b2, a11, b1, a12) / determinant;
  if (!(determinant > 0.0) || !is_finite(first) || !is_finite(second)) return {T(0), T(0)};
  return {static_cast<T>(first), static_cast<T>(second)};
}

}  // namespace idl
