// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "idl/detail/cuda_callable.hpp"

/// Maxima that keep NaN, which std::max and fmax do not.
namespace idl {

/// The larger one; NaN if either is NaN.
template <class T>
IDL_CUDA_CALLABLE inline T larger(T a, T b) {
  return (b > a || b != b) ? b : a;
}

/// Whether (value, index) comes before (best, best_index): NaN above every number, so that it shows
/// in the winner; larger values first, lower indices first among equals. A strict order, so the
/// winner does not depend on the order of comparison.
template <class T, class Index>
IDL_CUDA_CALLABLE inline bool beats(T value, Index index, T best, Index best_index) {
  const bool value_is_nan = value != value;
  const bool best_is_nan = best != best;
  if (value_is_nan || best_is_nan) {
    return value_is_nan && (!best_is_nan || index < best_index);
  }
  return value > best || (value == best && index < best_index);
}

}  // namespace idl
