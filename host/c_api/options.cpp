// SPDX-License-Identifier: MIT
// The options of C as those of C++.
#include <optional>
#include <string>

#include "host/c_api/handles.hpp"
#include "host/options/validate.hpp"

namespace idl::c_api {
namespace {

/// "bias is 7, it may be 1, -1 or 0".
std::optional<bool> choice(std::int32_t value, const char* name) {
  IDL_CHECK(value >= -1 && value <= 1, std::string(name) + " is " + std::to_string(value) +
                                           ", it may be 1 (yes), -1 (no) or 0 (not said)");
  return value == 0 ? std::nullopt : std::optional(value > 0);
}

}  // namespace

SolverOptions solver_options(const idl_solver_options* options) {
  SolverOptions result;
  if (options == nullptr) return result;
  for (Tolerance* tolerance : {&result.forward, &result.adjoint}) {
    if (options->max_iterations != 0) tolerance->max_iterations = options->max_iterations;
    if (options->absolute_tolerance != 0.0) tolerance->absolute = options->absolute_tolerance;
    tolerance->relative = options->relative_tolerance;
    tolerance->rule = options->certified != 0 ? StopRule::certified_bound : StopRule::step;
  }
  result.batch_invariant = options->batch_invariant != 0;
  if (const auto wanted = choice(options->gauss_seidel, "gauss_seidel"))
    result.sweep = *wanted ? Sweep::gauss_seidel : Sweep::jacobi;
  if (const auto wanted = choice(options->anderson, "anderson"))
    result.acceleration = *wanted ? Acceleration::anderson : Acceleration::none;
  if (options->automatic_precision != 0) result.precision = Precision::automatic;
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
