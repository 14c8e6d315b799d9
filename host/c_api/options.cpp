// SPDX-License-Identifier: MIT
// The options of C as those of C++.
#include <optional>
#include <string>

#include "host/c_api/handles.hpp"
#include "host/options/option_table.hpp"
#include "host/options/validate.hpp"
#include "kernels/base/number_range.hpp"

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

SolverOptions solver_options(const idl_context& context, const idl_solver_options* solver,
                             const idl_solver_options* adjoint) {
  SolverOptions result = solver_options(solver);
  if (adjoint != nullptr) result.adjoint = solver_options(adjoint).adjoint;
  result.batch_invariant = result.batch_invariant || context.batch_invariant;
  return result;
}

void check_precision(std::int32_t precision) {
  IDL_CHECK(precision == IDL_FLOAT32 || precision == IDL_FLOAT64,
            "precision is " + std::to_string(precision) + ", it may be IDL_FLOAT32 or IDL_FLOAT64");
}

ModelOptions model_options(const idl_model_settings& settings) {
  check_precision(settings.precision);
  ModelOptions result;
  if (settings.activation != nullptr) result.activation = parse_activation(settings.activation);
  if (settings.alpha != nullptr) {
    IDL_CHECK(has_alpha(result.activation),
              "alpha is " + number_text(*settings.alpha) + ", but the activation " +
                  std::string(to_string(result.activation)) + " has none");
    result.activation.alpha = *settings.alpha;
  }
  if (settings.well_posedness != nullptr)
    result.well_posedness.kind = parse_well_posedness(settings.well_posedness);
  if (settings.kappa != 0.0) {
    IDL_CHECK(result.well_posedness.kind == WellPosednessKind::inf_norm_ball,
              "kappa is " + number_text(settings.kappa) +
                  ", but only inf_norm_ball has one, and well_posedness is " +
                  std::string(settings.well_posedness));
    result.well_posedness.kappa = settings.kappa;
  }
  result.bias = settings.bias != 0;
  result.no_D = settings.no_D != 0;
  result.allow_unproven = settings.allow_unproven != 0;
  if (settings.rank != nullptr) result.rank = *settings.rank;
  return result;
}

OptimizerOptions optimizer_options(const idl_trainer_settings& settings) {
  OptimizerOptions options;
  if (settings.optimizer != nullptr) options.kind = parse_optimizer(settings.optimizer);
  const auto take = [](const double* given, double& value) {
    if (given != nullptr) value = *given;
  };
  options.learning_rate = 1.0;
  take(settings.beta1, options.beta1);
  take(settings.beta2, options.beta2);
  take(settings.epsilon, options.epsilon);
  options.weight_decay = settings.weight_decay;
  options.momentum = settings.momentum;
  options.nesterov = settings.nesterov != 0;
  options.prox = settings.prox;
  if (settings.frozen != nullptr) options.frozen = settings.frozen;
  return options;
}

void check_learning_rate(double learning_rate) {
  check_number("learning_rate", learning_rate, ranges::k_not_negative);
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
