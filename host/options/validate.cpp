// SPDX-License-Identifier: MIT
#include "host/options/validate.hpp"

#include "host/options/option_table.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

/// Every number of the struct that the table knows is within its range.
/// @param before, more  what precedes the option's name in errors; they are put together where they
///                      are needed: predictions that allocate nothing pass here
template <class Owner>
void check_options(const Owner& owner, std::string_view before, std::string_view more) {
  for_each_option<Owner>([&](const auto& option) {
    const auto& value = owner.*option.member;
    using Value = std::decay_t<decltype(value)>;
    if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>) {
      if (!contains(option.range, value))
        check_number(std::string(before).append(more).append(option.key), value, option.range);
    }
  });
}

}  // namespace

void validate(const Tolerance& tolerance, std::string_view which) {
  check_options(tolerance, which, ".");
}

void validate(const SolverOptions& options) {
  validate(options.forward, "forward");
  validate(options.adjoint, "adjoint");
  check_options(options, "solver", ": ");
}

void validate(const OptimizerOptions& options) {
  check_options(options, "optimizer", ": ");
  const bool sgd = options.kind == OptimizerKind::sgd;
  const std::string rule(to_string(options.kind));
  IDL_CHECK(
      sgd || options.momentum == 0.0,
      "optimizer: momentum is " + number_text(options.momentum) + ", but " + rule + " has none");
  IDL_CHECK(sgd || !options.nesterov, "optimizer: nesterov is set, but " + rule + " has none");
}

void validate(const Schedule& schedule) { check_options(schedule, "schedule", ": "); }

void validate(const TrainerOptions& options) {
  check_options(options, "Trainer", ": ");
  validate(options.optimizer);
  validate(options.schedule);
  validate(options.solver);
  check_options(options.pruning, "pruning", ": ");
}

void validate(const SparsifyOptions& options) { check_options(options, "sparsify", ": "); }

void validate(const ModelShape& shape) {
  check_number("states", shape.states, ranges::k_model_size);
  check_number("inputs", shape.inputs, ranges::k_model_size);
  check_number("outputs", shape.outputs, ranges::k_model_size);
}

void validate(const ModelOptions& options) {
  const std::string activation(to_string(options.activation));
  check_number("alpha of the activation " + activation, options.activation.alpha, NumberRange{});
  if (options.rank) {
    check_number("rank", *options.rank, ranges::k_rank);
    IDL_CHECK(options.well_posedness.kind != WellPosednessKind::strictly_upper_triangular,
              "rank is " + std::to_string(*options.rank) +
                  ", but A = L R^T is not kept strictly upper triangular");
  }
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
