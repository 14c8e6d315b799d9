// SPDX-License-Identifier: MIT
#include "idl/activation.hpp"

#include <array>
#include <string>

#include "idl/error.hpp"
#include "kernels/base/number_range.hpp"
#include "kernels/math/activations.hpp"

namespace idl {
namespace {

constexpr auto k_activation_kinds = [] {
  std::array<ActivationKind, names::k_activation.size()> kinds{};
  for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] = names::k_activation[i].value;
  return kinds;
}();

}  // namespace

double lipschitz_constant(const Activation& activation) {
  return dispatch<double>(activation, [&]<class Row>(const Row&) {
    if constexpr (k_has_alpha<Row>) check_number("alpha", activation.alpha, NumberRange{});
    return Row::lipschitz(activation.alpha);
  });
}

bool has_alpha(ActivationKind kind) {
  return dispatch<double>({.kind = kind}, []<class Row>(const Row&) { return k_has_alpha<Row>; });
}

std::string_view to_string(ActivationKind kind) {
  if (const auto* row = k_named<ActivationKind>.find(kind)) return row->name;
  detail::throw_invalid_argument("activation: there is no kind " +
                                 std::to_string(static_cast<int>(kind)));
}

Activation parse_activation(std::string_view name) {
  const auto* row = k_named<ActivationKind>.find(name);
  if (row == nullptr)
    detail::throw_invalid_argument("activation: '" + std::string(name) + "' is none of " +
                                   k_named<ActivationKind>.names());
  Activation activation{.kind = row->value};
  dispatch<double>(activation, [&]<class Row>(const Row&) {
    if constexpr (k_has_alpha<Row>) activation.alpha = Row::k_usual_alpha;
  });
  return activation;
}

std::span<const ActivationKind> all_activations() { return k_activation_kinds; }

}  // namespace idl
