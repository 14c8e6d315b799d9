// SPDX-License-Identifier: MIT
#include "host/options/validate.hpp"

#include "idl/error.hpp"

namespace idl {

void validate(const Tolerance& tolerance, std::string_view which) {
  // The name is put together where it is needed: predictions that allocate nothing pass here.
  const auto check = [&](const char* name, auto value) {
    constexpr NumberRange k_range = ranges::k_not_negative;
    if (!contains(k_range, value))
      check_number(std::string(which).append(".").append(name), value, k_range);
  };
  check("max_iterations", tolerance.max_iterations);
  check("absolute", tolerance.absolute);
  check("relative", tolerance.relative);
}

void validate(const SolverOptions& options) {
  validate(options.forward, "forward");
  validate(options.adjoint, "adjoint");
}

void validate(const OptimizerOptions& options) {
  check_number("optimizer: learning_rate", options.learning_rate, ranges::k_not_negative);
  check_number("optimizer: beta1", options.beta1, ranges::k_decay);
  check_number("optimizer: beta2", options.beta2, ranges::k_decay);
  check_number("optimizer: epsilon", options.epsilon, ranges::k_not_negative);
  check_number("optimizer: weight_decay", options.weight_decay, ranges::k_not_negative);
  check_number("optimizer: momentum", options.momentum, ranges::k_decay);
}

void validate(const Schedule& schedule) {
  check_number("schedule: period", schedule.period, ranges::k_positive_count);
  check_number("schedule: gamma", schedule.gamma, ranges::k_share);
  check_number("schedule: floor", schedule.floor, ranges::k_share);
}

void validate(const TrainerOptions& options) {
  check_number("Trainer: epochs", options.epochs, ranges::k_not_negative);
  check_number("Trainer: batch_size", options.batch_size, ranges::k_positive_count);
  check_number("Trainer: checkpoint_interval", options.checkpoint_interval, ranges::k_not_negative);
  validate(options.optimizer);
  validate(options.schedule);
  validate(options.solver);
}

void validate(const ModelShape& shape) {
  check_number("states", shape.states, ranges::k_model_size);
  check_number("inputs", shape.inputs, ranges::k_model_size);
  check_number("outputs", shape.outputs, ranges::k_model_size);
}

void validate(const ModelOptions& options) {
  const std::string activation(to_string(options.activation.kind));
  check_number("alpha of the activation " + activation, options.activation.alpha, NumberRange{});
  const double kappa = options.well_posedness.kappa;
  const bool ball = options.well_posedness.kind == WellPosednessKind::inf_norm_ball;
  check_number("kappa", kappa, ball ? ranges::k_kappa : NumberRange{});  // others do not use it
  if (!ball) return;
  const double L = lipschitz_constant(options.activation);
  IDL_CHECK(L * kappa < 1.0 || options.allow_unproven,
            "the activation " + activation + " has Lipschitz constant " + number_text(L) +
                ", and times kappa = " + number_text(kappa) + " that is " + number_text(L * kappa) +
                " >= 1: the iteration is not proved to converge; choose kappa below " +
                number_text(1.0 / L) + " or allow it with allow_unproven");
}

void validate(const LoadOptions& options) {
  if (options.alpha) check_number("alpha", *options.alpha, NumberRange{});
  if (options.kappa) check_number("kappa", *options.kappa, ranges::k_kappa);
}

}  // namespace idl
