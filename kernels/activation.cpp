// SPDX-License-Identifier: MIT
#include "idl/activation.hpp"

#include <array>
#include <string>

#include "idl/error.hpp"
#include "kernels/base/number_range.hpp"
#include "kernels/custom_activation.hpp"
#include "kernels/math/activations.hpp"

namespace idl {
namespace {

constexpr auto k_activation_kinds = [] {
  std::array<ActivationKind, names::k_activation.size()> kinds{};
  for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] = names::k_activation[i].value;
  return kinds;
}();

/// Calls f with the row of one of the library's kinds.
template <class F>
decltype(auto) with_row(ActivationKind kind, const F& f) {
  return visit_row(Activations<double>{}, kind, 0.0, f);
}

}  // namespace

double lipschitz_constant(const Activation& activation) {
  if (activation.kind == ActivationKind::custom) {
    const CustomActivation& custom = custom_of(activation);
    if (custom.has_alpha) check_number("alpha", activation.alpha, NumberRange{});
    return checked_lipschitz(custom, activation.alpha);
  }
  return with_row(activation.kind, [&]<class Row>(const Row&) {
    if constexpr (k_has_alpha<Row>) check_number("alpha", activation.alpha, NumberRange{});
    return Row::lipschitz(activation.alpha);
  });
}

bool has_alpha(ActivationKind kind) {
  return with_row(kind, []<class Row>(const Row&) { return k_has_alpha<Row>; });
}

bool has_alpha(const Activation& activation) {
  return activation.kind == ActivationKind::custom ? custom_of(activation).has_alpha
                                                   : has_alpha(activation.kind);
}

std::string_view to_string(ActivationKind kind) {
  if (kind == ActivationKind::custom) return "custom";
  if (const auto* row = k_named<ActivationKind>.find(kind)) return row->name;
  detail::throw_invalid_argument("activation: there is no kind " +
                                 std::to_string(static_cast<int>(kind)));
}

std::string_view to_string(const Activation& activation) {
  return activation.kind == ActivationKind::custom ? custom_of(activation).name
                                                   : to_string(activation.kind);
}

Activation parse_activation(std::string_view name) {
  if (const auto* row = k_named<ActivationKind>.find(name)) {
    Activation activation{.kind = row->value};
    with_row(row->value, [&]<class Row>(const Row&) {
      if constexpr (k_has_alpha<Row>) activation.alpha = Row::k_usual_alpha;
    });
    return activation;
  }
  if (const CustomActivation* custom = find_custom_activation(name))
    return {ActivationKind::custom, custom->usual_alpha, custom};
  detail::throw_invalid_argument(
      "activation: '" + std::string(name) + "' is none of " + k_named<ActivationKind>.names() +
      "; in C++ one of your own too, after a call of custom_activation()");
}

double value_of(const Activation& activation, double x) {
  if (activation.kind == ActivationKind::custom)
    return one_entry(custom_of(activation).double_loops.value[0], activation.alpha, x);
  return activate(activation.kind, x, activation.alpha);
}

std::span<const ActivationKind> all_activations() { return k_activation_kinds; }

}  // namespace idl
