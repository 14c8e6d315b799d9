// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "host/options/named_enums.hpp"
#include "host/options/ranges.hpp"
#include "idl/c_api.h"
#include "idl/trainer.hpp"

/// The options of solves and of training, a line each. From these tables come the flags of the
/// program and its help, config.json, the settings in checkpoints, the ranges that are checked and
/// the C interface.
namespace idl {

/// One option of the struct Owner.
template <class Owner, class Value, class InC>
struct Option {
  std::string_view key;   ///< in checkpoints and errors
  std::string_view flag;  ///< "tolerance" of --tolerance and of config.json; "" for none
  Value Owner::*member;
  std::string_view help;
  NumberRange range;              ///< of numbers
  InC idl_solver_options::*in_c;  ///< nullptr where the C interface does not have it
};

template <class Owner, class Value, class InC = std::int32_t>
constexpr Option<Owner, Value, InC> option(std::string_view key, std::string_view flag,
                                           Value Owner::*member, std::string_view help,
                                           NumberRange range = {},
                                           InC idl_solver_options::*in_c = nullptr) {
  return {key, flag, member, help, range, in_c};
}

/// The options of Owner, in the order in which checkpoints write them.
template <class Owner>
extern const std::tuple<> k_options;

template <>
inline constexpr std::tuple k_options<Tolerance> = {
    option("max_iterations", "max-iterations", &Tolerance::max_iterations,
           "Iterations of a solve at most", ranges::k_not_negative,
           &idl_solver_options::max_iterations),
    option("absolute", "tolerance", &Tolerance::absolute, "Absolute tolerance of a solve",
           ranges::k_not_negative, &idl_solver_options::absolute_tolerance),
    option("relative", "relative-tolerance", &Tolerance::relative, "Relative tolerance of a solve",
           ranges::k_not_negative, &idl_solver_options::relative_tolerance),
    option(
        "certified", "certified", &Tolerance::rule,
        "Stop a solve when what its step says of the error, kappa/(1-kappa) times it, is below the "
        "tolerance; error_bound adds rounding",
        {}, &idl_solver_options::certified)};

template <>
inline constexpr std::tuple k_options<SolverOptions> = {
    option("sweep", "sweep", &SolverOptions::sweep, "Of a solve", {},
           &idl_solver_options::gauss_seidel),
    option("acceleration", "acceleration", &SolverOptions::acceleration, "Of a solve", {},
           &idl_solver_options::anderson),
    option("solver_precision", "arithmetic", &SolverOptions::precision, "Of a solve", {},
           &idl_solver_options::automatic_precision),
    option("batch_invariant", "batch-invariant", &SolverOptions::batch_invariant,
           "Same bits for a sample in whatever batch", {}, &idl_solver_options::batch_invariant)};

template <>
inline constexpr std::tuple k_options<OptimizerOptions> = {
    option("kind", "optimizer", &OptimizerOptions::kind, "Rule of a step"),
    option("learning_rate", "lr", &OptimizerOptions::learning_rate, "Learning rate",
           ranges::k_not_negative),
    option("beta1", "", &OptimizerOptions::beta1, "Decay of the first moment", ranges::k_decay),
    option("beta2", "", &OptimizerOptions::beta2, "Decay of the second moment", ranges::k_decay),
    option("epsilon", "", &OptimizerOptions::epsilon, "Added to the root of the second moment",
           ranges::k_not_negative),
    option("weight_decay", "weight-decay", &OptimizerOptions::weight_decay, "Weight decay",
           ranges::k_not_negative),
    option("momentum", "momentum", &OptimizerOptions::momentum, "Momentum of sgd", ranges::k_decay),
    option("nesterov", "", &OptimizerOptions::nesterov, "Look ahead by the momentum of sgd"),
    option("prox", "prox", &OptimizerOptions::prox,
           "Of the proximal operator of the l1 norm of A after each step; 0: none",
           ranges::k_not_negative),
    option("frozen", "freeze", &OptimizerOptions::frozen,
           "Matrices that training leaves as they are, such as A,D")};

template <>
inline constexpr std::tuple k_options<Schedule> = {
    option("kind", "schedule", &Schedule::kind, "Learning rate over time"),
    option("period", "schedule-period", &Schedule::period,
           "Epochs between two drops of schedule step", ranges::k_positive_count),
    option("gamma", "schedule-gamma", &Schedule::gamma, "Factor of a drop of schedule step",
           ranges::k_share),
    option("floor", "", &Schedule::floor, "Last factor of schedule cosine", ranges::k_share)};

template <>
inline constexpr std::tuple k_options<SparsifyOptions> = {
    option("target", "target", &SparsifyOptions::target, "What is made sparse"),
    option("by", "by", &SparsifyOptions::by, "Which entries stay"),
    option("density", "density", &SparsifyOptions::density, "Share of the entries that stays",
           ranges::k_share),
    option("threshold", "threshold", &SparsifyOptions::threshold,
           "Least magnitude that stays, with --by threshold", ranges::k_not_negative),
    option("seed", "seed", &SparsifyOptions::seed, "Of --by random")};

template <>
inline constexpr std::tuple k_options<PruningOptions> = {
    option("density", "sparsify", &PruningOptions::density,
           "Share of the entries that is left when pruning ends; 1: nothing is pruned",
           ranges::k_share),
    option("epochs", "gradual", &PruningOptions::epochs,
           "Epochs over which the density falls; 0: entries are pruned before the first step",
           ranges::k_not_negative),
    option("interval", "sparsify-interval", &PruningOptions::interval,
           "Optimiser steps between two choices of entries", ranges::k_positive_count),
    option("target", "sparsify-target", &PruningOptions::target, "What is pruned")};

template <>
inline constexpr std::tuple k_options<TrainerOptions> = {
    option("epochs", "epochs", &TrainerOptions::epochs, "Passes over the training set",
           ranges::k_not_negative),
    option("batch_size", "batch", &TrainerOptions::batch_size, "Samples per optimiser step",
           ranges::k_positive_count),
    option("loss", "loss", &TrainerOptions::loss, "What is made small"),
    option("checkpoint_interval", "checkpoint-interval", &TrainerOptions::checkpoint_interval,
           "Optimiser steps between checkpoints; 0: once an epoch", ranges::k_not_negative)};

/// Calls visit(option) for each option of Owner.
template <class Owner, class Visitor>
constexpr void for_each_option(Visitor&& visit) {
  std::apply([&](const auto&... each) { (visit(each), ...); }, k_options<Owner>);
}

/// A value as flags and files hold it: a number, whether, or a name.
template <class Value>
auto plain(const Value& value) {
  if constexpr (std::is_same_v<Value, StopRule>)
    return value == StopRule::certified_bound;
  else if constexpr (std::is_enum_v<Value>)
    return k_named<Value>.name_of(value);
  else
    return value;
}

/// The value that `held` stands for. @throws InvalidArgument for a name that is unknown
template <class Value, class Plain>
Value from_plain(const Plain& held) {
  if constexpr (std::is_same_v<Value, StopRule>)
    return held ? StopRule::certified_bound : StopRule::step;
  else if constexpr (std::is_enum_v<Value>)
    return k_named<Value>.parse(held);
  else
    return held;
}

}  // namespace idl
