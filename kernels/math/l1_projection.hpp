// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "idl/detail/cuda_callable.hpp"

/// The steps of ProjectRowsL1 and ProjectCsrRowsL1 for one row a, shared by both backends; all sums
/// are in double.
///
/// With the largest entry h = max|a_i| and the gaps d_i = h − |a_i| >= 0 the projection is
/// sign(a_i)·max(τ − d_i, 0), θ = h − τ, where τ in (0, radius] solves Σ max(τ − d_i, 0) = radius.
/// Working with τ instead of θ keeps full relative precision however large the row is: only gaps
/// below radius matter, and they carry a relative error of one rounding.
///
/// A row runs:
///  1. sum = Σ above_threshold(|a_i|). Where l1_ball_holds(sum, …) the row becomes S(a, threshold),
///     by shrink_by_threshold(), or for a threshold of 0 stays as it is, bit for bit. Where a sum
///     or an entry is not finite it stays too (test the entries: a finite row may sum to +inf).
///     Otherwise θ exceeds the threshold, and the row goes on as if there were none: thresholds
///     add.
///  2. Newton's method from above (Michelot 1986): active = {d_i < bound} with bound = radius, then
///     τ = next_tau(radius, Σ_active d_i, |active|) and bound = τ, until the number of active
///     entries no longer falls. That happens within |row| rounds, in practice 3 to 8. (With an
///     entry whose gap is τ up to rounding, the number may go up and down for ever.)
///     A start at the row's last τ instead, while a model is trained, would save one round at most
///     (3.0 to 3.3 instead of 2.7 to 4.3 for trained rows of 100 and 300), so none is remembered.
///  3. total = Σ shrink(a_i, h, τ); until l1_ball_holds_in_any_order(total, …): lower τ by
///     lower_tau. Once is the rule, for the roundings of step 2.
///  4. a_i <- shrink(a_i, h, τ).
/// Source: Michelot, "A finite algorithm for finding the projection of a point onto the canonical
/// simplex of Rⁿ", J. Optim. Theory Appl. 50 (1986).
namespace idl {

/// What a row becomes: the projection of S(a, threshold) onto {‖a‖₁ <= radius}.
struct L1Prox {
  double radius;
  double threshold;
};

/// Step 1: max(magnitude − threshold, 0).
IDL_CUDA_CALLABLE inline double above_threshold(double magnitude, double threshold) {
  const double above = magnitude - threshold;
  return 0.5 * (above + std::abs(above));  // without a conditional, as in shrink()
}

/// Step 2: the τ at which `count` active entries with gaps that add up to `gap_sum` fill the ball;
/// 0 for a radius of 0, which leaves none active.
IDL_CUDA_CALLABLE inline double next_tau(double radius, double gap_sum, std::int64_t count) {
  return count > 0 ? (radius + gap_sum) / static_cast<double>(count) : 0.0;
}

/// Steps 3 and 4: sign(a)·max(τ − (largest − |a|), 0), rounded toward zero to T; zeros are +0.
template <class T>
IDL_CUDA_CALLABLE inline T shrink(T a, double largest, double tau) {
  const double exact = tau - (largest - std::abs(static_cast<double>(a)));
  // max(exact, 0) without a conditional, after which compilers would hide the conversion and then
  // not vectorise it.
  const double magnitude = 0.5 * (exact + std::abs(exact));
  T value = static_cast<T>(magnitude);
  if constexpr (sizeof(T) == sizeof(float)) {
    // The float below a positive one is the one with the integer below.
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    bits -= static_cast<double>(value) > magnitude ? 1U : 0U;
    std::memcpy(&value, &bits, sizeof bits);
  }
  const T sign = a < T(0) ? T(-1) : T(1);
  return value * sign + T(0);  // −0 + 0 is +0
}

/// Step 1: the h and τ with which shrink() makes S(a, threshold).
struct Shrinkage {
  double largest;
  double tau;
};
IDL_CUDA_CALLABLE inline Shrinkage shrink_by_threshold(double threshold) {
  return {0.0, -threshold};
}

/// How far, relative to them, two sums of the same n magnitudes in double can lie apart: at most
/// 2(n−1)·2⁻⁵³ to first order. One unit of 2⁻⁵² more covers the higher orders (n < 2²⁵) and the
/// rounding of the test below. Zeros do not count.
IDL_CUDA_CALLABLE inline double l1_order_margin(std::int64_t n) {
  return n < 2 ? 0.0 : static_cast<double>(n) * 0x1p-52;
}

/// Step 3: whether a sum of magnitudes of which `count` are not 0, `total` in some order of
/// summation in double, is at most radius in every order.
IDL_CUDA_CALLABLE inline bool l1_ball_holds_in_any_order(double total, double radius,
                                                         std::int64_t count) {
  return total + total * l1_order_margin(count) <= radius;
}

/// Step 1: the row, of so many entries, needs no projection. One that is written must hold in any
/// order of summation.
IDL_CUDA_CALLABLE inline bool l1_ball_holds(double sum, const L1Prox& prox, std::int64_t entries) {
  return prox.threshold > 0 ? l1_ball_holds_in_any_order(sum, prox.radius, entries)
                            : sum <= prox.radius;
}

/// Step 3: a smaller τ that takes the excess off `count` active entries. attempt = 0, 1, 2, ...:
/// each time more is taken, so that a few attempts always suffice; from the 60th on the answer is
/// 0, which makes the row zero.
IDL_CUDA_CALLABLE inline double lower_tau(double tau, double total, double radius,
                                          std::int64_t count, int attempt) {
  if (attempt >= 60 || !(total < 2 * radius)) return 0;
  const double excess = (total - radius) + total * l1_order_margin(count);
  const double grow = static_cast<double>(std::uint64_t{1} << static_cast<unsigned>(attempt));
  const double lowered = tau - grow * (excess / static_cast<double>(count) + tau * 0x1p-53);
  return lowered > 0 ? lowered : 0;
}

}  // namespace idl
