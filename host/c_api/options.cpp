// SPDX-License-Identifier: MIT
// The options of C as those of C++.
#include <optional>
#include <string>

#include "host/c_api/handles.hpp"
#include "host/options/option_table.hpp"
#include "host/options/validate.hpp"

namespace idl::c_api {
namespace {

/// "bias is 7, it may be 1, -1 or 0".
std::optional<bool> choice(std::int32_t value, std::string_view name) {
  IDL_CHECK(value >= -1 && value <= 1, std::string(name) + " is " + std::to_string(value) +
                                           ", it may be 1 (yes), -1 (no) or 0 (not said)");
  return value == 0 ? std::nullopt : std::optional(value > 0);
}

/// What a member of C's struct says; zero says nothing. Other numbers are a number itself, a yes of
/// a switch, the second value of an enumeration of two. Of larger enumerations 1 is the second
/// value, after which C's member is called, and -1 the first.
template <class Value, class InC>
void take(InC given, Value& value) {
  if constexpr (std::is_same_v<Value, bool> || std::is_same_v<Value, StopRule>) {
    value = from_plain<Value>(given != 0);
  } else if constexpr (std::is_enum_v<Value>) {
    const auto& values = k_named<Value>.values;
    if (values.size() == 2) {
      value = values[given != 0 ? 1 : 0].value;
    } else if (const auto wanted = choice(given, values[1].name)) {
      value = values[*wanted ? 1 : 0].value;
    }
  } else if (given != 0) {
    value = given;
  }
}

template <class Owner>
void take_options(const idl_solver_options& given, Owner& owner) {
  for_each_option<Owner>([&](const auto& option) {
    if (option.in_c != nullptr) take(given.*option.in_c, owner.*option.member);
  });
}

}  // namespace

SolverOptions solver_options(const idl_solver_options* options) {
  SolverOptions result;
  if (options == nullptr) return result;
  for (Tolerance* tolerance : {&result.forward, &result.adjoint})
    take_options(*options, *tolerance);
  take_options(*options, result);
  validate(result);
  return result;
}

LoadOptions load_options(const idl_load_options* options) {
  LoadOptions result;
  if (options == nullptr) return result;
  if (options->activation != nullptr)
    result.activation = parse_activation(options->activation).kind;
  if (options->alpha != nullptr) result.alpha = *options->alpha;
  if (options->well_posedness != nullptr)
    result.well_posedness = parse_well_posedness(options->well_posedness);
  if (options->kappa != nullptr) result.kappa = *options->kappa;
  result.bias = choice(options->bias, "bias");
  result.no_D = choice(options->no_D, "no_D");
  if (options->prefix != nullptr) result.prefix = options->prefix;
  result.override_metadata = options->override_metadata != 0;
  result.project = options->project != 0;
  result.allow_unproven = options->allow_unproven != 0;
  return result;
}

}  // namespace idl::c_api
