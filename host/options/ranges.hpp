// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/base/number_range.hpp"
#include "kernels/base/processors.hpp"

/// What the library's options may be. Flags and files that set an option take the same range.
namespace idl::ranges {

inline constexpr NumberRange k_not_negative = NumberRange::at_least(0);
inline constexpr NumberRange k_positive_count = NumberRange::at_least(1);
/// Sums of sizes must not overflow; the upper end is far above what any memory holds.
inline constexpr NumberRange k_model_size = {.lowest = 1, .highest = 1099511627776.0};
/// With 0 A is 0; above n it is any A, in more numbers than A has.
inline constexpr NumberRange k_rank = {.lowest = 0, .highest = k_model_size.highest};
inline constexpr NumberRange k_kappa = {
    .lowest = 0, .highest = 1, .lowest_excluded = true, .highest_excluded = true};
inline constexpr NumberRange k_decay = {.lowest = 0, .highest = 1, .highest_excluded = true};
inline constexpr NumberRange k_threads = {.lowest = 0, .highest = k_most_threads};
inline constexpr NumberRange k_share = {.lowest = 0, .highest = 1};

}  // namespace idl::ranges
