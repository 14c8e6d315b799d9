// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "idl/export.hpp"

namespace idl {

/// The entrywise nonlinearity φ.
///
/// | kind       | φ(x)                 | φ'(x)                | L_φ        |
/// |------------|----------------------|----------------------|------------|
/// | relu       | x for x > 0, else 0  | 1 for x > 0, else 0  | 1          |
/// | leaky_relu | x for x > 0, else αx | 1 for x > 0, else α  | max(1,\|α\|) |
/// | elu        | x for x > 0, else α(eˣ−1) | 1, else αeˣ     | max(1,\|α\|) |
/// | tanh       | tanh x               | 1 − tanh² x          | 1          |
/// | sigmoid    | σ(x) = 1/(1+e⁻ˣ)     | σ(1−σ)               | 1/4        |
/// | softplus   | log(1+eˣ)            | σ(x)                 | 1          |
/// | silu       | xσ(x)                | σ(1+x(1−σ))          | 1.0998…    |
/// | gelu       | xΦ(x) (exact, by erf)| Φ(x)+xϕ(x)           | 1.1289…    |
/// | identity   | x                    | 1                    | 1          |
/// | mish       | xw, w = tanh log(1+eˣ) | w+x(1−w²)σ(x)      | 1.0884…    |
/// | selu       | λx for x > 0, else λα(eˣ−1) | λ, else λαeˣ  | λα = 1.7580… |
/// | hardswish  | x·min(max(x+3,0),6)/6 | 0 to −3, 1 from 3 on, (2x+3)/6 between | 1.5 |
/// | abs        | \|x\|                | 1, −1, and 0 at 0    | 1          |
/// | sat        | min(max(x,−1),1)     | 1 for \|x\| < 1, else 0 | 1        |
///
/// All of them keep NaN and are stable at ±10⁴. λ and α of selu are the numbers of Klambauer et al.
/// 2017, λ = 1.0507… and α = 1.6732…. Source: El Ghaoui et al. 2021, section 2; the constants of
/// silu, gelu, mish and selu are the suprema of |φ'|, rounded up.
enum class ActivationKind : std::uint8_t {
  relu,
  leaky_relu,
  elu,
  tanh,
  sigmoid,
  softplus,
  silu,
  gelu,
  identity,
  mish,
  selu,
  hardswish,
  abs,
  sat,
  custom  ///< none of the library's: custom_activation.hpp
};

struct CustomActivation;

/// An activation with its parameter. custom_activation<Phi>() (custom_activation.hpp) makes those
/// that are not the library's.
struct Activation {
  ActivationKind kind = ActivationKind::relu;  ///< which φ
  /// Slope of leaky_relu below zero, scale of elu, parameter of an own activation that has one;
  /// others do not use it.
  double alpha = 0.01;
  const CustomActivation* custom = nullptr;  ///< φ where kind is custom, otherwise null

  /// x for x > 0, else αx.
  static constexpr Activation leaky_relu(double alpha = 0.01) {
    return {ActivationKind::leaky_relu, alpha};
  }
  /// x for x > 0, else α(eˣ − 1).
  static constexpr Activation elu(double alpha = 1.0) { return {ActivationKind::elu, alpha}; }

  /// Same kind and same α, also where the kind does not use it.
  friend bool operator==(const Activation&, const Activation&) = default;
};

/// L_φ, the smallest constant (rounded up in the last place) with |φ(x) − φ(y)| ≤ L_φ |x − y|; of
/// an own activation what that says.
/// @throws InvalidArgument where it depends on an α that is not finite
IDL_EXPORT double lipschitz_constant(const Activation& activation);

/// Whether φ of this kind, one of the library's, depends on α.
IDL_EXPORT bool has_alpha(ActivationKind kind);
/// Whether φ depends on α.
IDL_EXPORT bool has_alpha(const Activation& activation);

/// "relu", "leaky_relu", ...
IDL_EXPORT std::string_view to_string(ActivationKind kind);
/// The same; of an own activation its name.
IDL_EXPORT std::string_view to_string(const Activation& activation);

/// Reads a name as to_string gives it, with the usual α; that of an own activation once
/// custom_activation() has made it known.
/// @throws InvalidArgument with the list of names.
IDL_EXPORT Activation parse_activation(std::string_view name);

/// All kinds of the library, for tests and help texts.
IDL_EXPORT std::span<const ActivationKind> all_activations();

}  // namespace idl
