// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <type_traits>

#include "idl/custom_activation.hpp"

/// What the library asks an own activation.
namespace idl {

/// Of an activation whose kind is `custom`. @throws InvalidArgument where it has none
const CustomActivation& custom_of(const Activation& activation);

/// The one that is known by a name; nullptr where none is.
const CustomActivation* find_custom_activation(std::string_view name);

/// L_φ of an α. @throws InvalidArgument where that is not a finite number >= 0
double checked_lipschitz(const CustomActivation& custom, double alpha);

template <class T>
const ActivationLoops<T>& loops_of(const CustomActivation& custom) {
  if constexpr (std::is_same_v<T, float>)
    return custom.float_loops;
  else
    return custom.double_loops;
}

template <class T>
const ActivationKernels<T>& kernels_of(const CustomActivation& custom) {
  if constexpr (std::is_same_v<T, float>)
    return custom.float_kernels;
  else
    return custom.double_kernels;
}

/// What `loop` makes of one x.
template <class T>
T one_entry(ActivationLoop<T> loop, double alpha, T x) {
  const T zero = T(-0.0);  // changes no x, 0 included
  T y = T(0);
  loop(alpha, {&x, 1, 1, 1, {}}, {&zero, 1, 1, 1, {}}, {&y, 1, 1, 1, {}});
  return y;
}

/// φ(x).
double value_of(const Activation& activation, double x);

}  // namespace idl
