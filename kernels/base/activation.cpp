// SPDX-License-Identifier: MIT
#include "idl/activation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "idl/error.hpp"
#include "kernels/base/number_range.hpp"

namespace idl {
namespace {

struct Entry {
  ActivationKind kind;
  std::string_view name;
};

constexpr std::array<Entry, 9> k_entries = {{
    {ActivationKind::relu, "relu"},
    {ActivationKind::leaky_relu, "leaky_relu"},
    {ActivationKind::elu, "elu"},
    {ActivationKind::tanh, "tanh"},
    {ActivationKind::sigmoid, "sigmoid"},
    {ActivationKind::softplus, "softplus"},
    {ActivationKind::silu, "silu"},
    {ActivationKind::gelu, "gelu"},
    {ActivationKind::identity, "identity"},
}};

constexpr auto k_activation_kinds = [] {
  std::array<ActivationKind, k_entries.size()> kinds{};
  for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] = k_entries[i].kind;
  return kinds;
}();

// max |φ'|, rounded up in the last place: silu at x = 2.3993572805154676678…, where the maximum is
// 1.09983932012886691695818…; gelu at √2, where it is 1.12890414518515478634074….
constexpr double k_silu_slope = 1.0998393201288670;
constexpr double k_gelu_slope = 1.1289041451851549;

}  // namespace

double lipschitz_constant(const Activation& activation) {
  switch (activation.kind) {
    case ActivationKind::leaky_relu:
    case ActivationKind::elu:
      check_number("alpha", activation.alpha, NumberRange{});  // std::max would take NaN for 1
      return std::max(1.0, std::abs(activation.alpha));
    case ActivationKind::sigmoid:
      return 0.25;
    case ActivationKind::silu:
      return k_silu_slope;
    case ActivationKind::gelu:
      return k_gelu_slope;
    case ActivationKind::relu:
    case ActivationKind::tanh:
    case ActivationKind::softplus:
    case ActivationKind::identity:
      break;
  }
  return 1.0;
}

std::string_view to_string(ActivationKind kind) {
  for (const Entry& entry : k_entries) {
    if (entry.kind == kind) return entry.name;
  }
  detail::throw_invalid_argument("activation: there is no kind " +
                                 std::to_string(static_cast<int>(kind)));
}

Activation parse_activation(std::string_view name) {
  std::string known;
  for (const Entry& entry : k_entries) {
    if (entry.name == name) {
      if (entry.kind == ActivationKind::elu) return Activation::elu();
      return {.kind = entry.kind};
    }
    known.append(known.empty() ? "" : ", ").append(entry.name);
  }
  detail::throw_invalid_argument("activation: '" + std::string(name) + "' is none of " + known);
}

std::span<const ActivationKind> all_activations() { return k_activation_kinds; }

}  // namespace idl
