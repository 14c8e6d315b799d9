// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/options/validate.hpp"
#include "idl/trainer.hpp"

namespace idl::cli {

/// Everything that `idl train` can be told. for_each_setting is the one list of them: flags,
/// config.json and the comparison on --resume are made from it.
struct TrainSettings {
  std::string data;
  std::int64_t hidden = 100;
  std::int64_t epochs = 10;
  std::int64_t batch = 100;
  double lr = 5e-3;
  double kappa = 0.95;
  std::string activation = "relu";
  std::optional<double> alpha;
  std::string well_posedness = "inf_norm_ball";
  bool bias = false;
  bool no_D = false;
  bool allow_unproven = false;
  std::string device = "auto";
  std::int32_t threads = 0;
  std::string precision = "f32";
  std::string init;
  std::string prefix;
  bool override_metadata = false;
  bool project = false;
  bool no_shuffle = false;
  std::uint64_t seed = 0;
  std::string loss = "softmax_cross_entropy";
  std::string optimizer = "adam";
  double weight_decay = 0.0;
  double momentum = 0.0;
  std::string schedule = "constant";
  std::int64_t schedule_period = 10;
  double schedule_gamma = 0.1;
  double tolerance = 3e-6;
  double relative_tolerance = 0.0;
  std::int32_t max_iterations = 300;
  bool certified = false;
  std::string sweep = "automatic";
  std::string acceleration = "automatic";
  std::string arithmetic = "full";
  bool batch_invariant = false;
  std::int64_t checkpoint_interval = 0;
  std::int64_t limit = 0;
};

/// Calls visit(name, member, help), for numbers visit(name, member, help, range), for each setting;
/// the flag is "--" + name.
template <class Settings, class Visitor>
void for_each_setting(Settings& s, Visitor&& visit) {
  visit("data", s.data, "Folder with (Fashion-)MNIST (IDX, plain or .gz) or CIFAR-10 (binary)");
  visit("hidden", s.hidden, "States n", ranges::k_model_size);
  visit("epochs", s.epochs, "Passes over the training set", ranges::k_not_negative);
  visit("batch", s.batch, "Samples per optimiser step", ranges::k_positive_count);
  visit("lr", s.lr, "Learning rate", ranges::k_not_negative);
  visit("kappa", s.kappa, "|A|_inf <= kappa, in (0, 1)", ranges::k_kappa);
  visit("activation", s.activation,
        "relu, leaky_relu, elu, tanh, sigmoid, softplus, silu, gelu, identity");
  visit("alpha", s.alpha, "Slope of leaky_relu below 0 (default 0.01), scale of elu (default 1)",
        NumberRange{});
  visit("well-posedness", s.well_posedness, "inf_norm_ball, strictly_upper_triangular, none");
  visit("bias", s.bias, "Append a one to each input");
  visit("no-D", s.no_D, "Y = CX, without DU");
  visit("allow-unproven", s.allow_unproven, "Accept an activation with L*kappa >= 1");
  visit("device", s.device, "auto, cpu, cuda or cuda:K");
  visit("threads", s.threads, "On the CPU; 0: as many as there are processors to use",
        ranges::k_threads);
  visit("precision", s.precision, "f32 or f64");
  visit("init", s.init, "Start from this model (safetensors) instead of random parameters");
  visit("prefix", s.prefix, "With --init: of the names A, B, C, D in the file");
  visit("override-metadata", s.override_metadata,
        "With --init: the flags hold where the file says something else");
  visit("project", s.project,
        "With --init: project A where it lies outside its constraint, instead of refusing it");
  visit("no-shuffle", s.no_shuffle, "Visit the samples in the order of the files");
  visit("seed", s.seed, "Of the parameters and of the order of the samples", NumberRange{});
  visit("loss", s.loss, "softmax_cross_entropy, squared_error");
  visit("optimizer", s.optimizer, "adam, adamw, sgd");
  visit("weight-decay", s.weight_decay, "Weight decay", ranges::k_not_negative);
  visit("momentum", s.momentum, "Momentum of sgd", ranges::k_decay);
  visit("schedule", s.schedule, "Learning rate over time: constant, step, cosine");
  visit("schedule-period", s.schedule_period, "Epochs between two drops of schedule step",
        ranges::k_positive_count);
  visit("schedule-gamma", s.schedule_gamma, "Factor of a drop of schedule step", ranges::k_share);
  visit("tolerance", s.tolerance, "Absolute tolerance of both solves", ranges::k_not_negative);
  visit("relative-tolerance", s.relative_tolerance, "Relative tolerance of both solves",
        ranges::k_not_negative);
  visit("max-iterations", s.max_iterations, "Iterations of a solve at most",
        ranges::k_not_negative);
  visit("certified", s.certified, "Stop a solve by its error bound instead of its step");
  visit("sweep", s.sweep, "Of both solves: jacobi (Picard), gauss_seidel, automatic");
  visit("acceleration", s.acceleration, "Of both solves: none, anderson, automatic");
  visit("arithmetic", s.arithmetic,
        "Of both solves: full, or automatic (bfloat16 inside, where a GPU gains by it)");
  visit("batch-invariant", s.batch_invariant, "Same bits for a sample in whatever batch");
  visit("checkpoint-interval", s.checkpoint_interval,
        "Optimiser steps between checkpoints; 0: once an epoch", ranges::k_not_negative);
  visit("limit", s.limit, "Use only the first N training samples; 0: all", ranges::k_not_negative);
}

nlohmann::ordered_json to_json(const TrainSettings& settings);
/// @throws InvalidArgument for an unknown name, a value of the wrong type or a number out of its
/// range, naming `source`
TrainSettings settings_from_json(const nlohmann::ordered_json& json, const std::string& source);
/// The settings in a config.json. @throws IoError, InvalidArgument as settings_from_json
TrainSettings read_config(const std::filesystem::path& path);

/// The library's options for these settings. @throws InvalidArgument for unknown names
ModelOptions model_options(const TrainSettings& settings);
/// Of these settings, those that complete what the file --init says.
/// @param is_said  whether a setting counts; others are only the defaults of the program
LoadOptions load_options(const TrainSettings& settings,
                         const std::function<bool(const std::string&)>& is_said);
/// The settings by which model_options() gives `options` again.
void take_options(TrainSettings& settings, const ModelOptions& options);
TrainerOptions trainer_options(const TrainSettings& settings);

}  // namespace idl::cli
