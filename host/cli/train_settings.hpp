// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "host/cli/option_flags.hpp"
#include "host/cli/table.hpp"
#include "idl/trainer.hpp"

namespace idl::cli {

/// Everything that `idl train` can be told. for_each_setting is the one list of them: flags,
/// config.json and the comparison on --resume are made from it.
struct TrainSettings {
  std::string data;
  TableFlags table;
  std::string test_data;
  std::string test_labels;
  std::string test_targets;
  std::string test_lengths;
  double validation = 0;
  bool standardise = false;
  std::string normalise;
  std::int64_t hidden = 100;
  std::optional<std::int64_t> rank;
  std::optional<std::int64_t> recurrent;
  double kappa = 0.95;
  ActivationKind activation = ActivationKind::relu;
  std::optional<double> alpha;
  WellPosednessKind well_posedness = WellPosednessKind::inf_norm_ball;
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
  /// The options of the library, with the tolerance of both solves in solver.forward;
  /// trainer_options() completes them.
  TrainerOptions trainer{.optimizer = {.learning_rate = 5e-3}};
  std::int64_t limit = 0;
};

/// Calls visit(name, member, help), for numbers visit(name, member, help, range), for each setting;
/// the flag is "--" + name. The order is that of config.json.
template <class Settings, class Visitor>
void for_each_setting(Settings& s, Visitor&& visit) {
  visit("data", s.data,
        "A table, .npy of shape (samples, features) or CSV, or a folder with (Fashion-)MNIST (IDX, "
        "plain or .gz) or CIFAR-10 (binary)");
  visit("hidden", s.hidden, "States n", ranges::k_model_size);
  visit("rank", s.rank, "A = L R^T with L and R of so many columns, instead of any A",
        ranges::k_rank);
  visit(
      "recurrent", s.recurrent,
      "Samples are sequences, .npy of shape (samples, steps, inputs) or of (samples, steps), read "
      "step by step by a model that remembers so many numbers",
      ranges::k_model_size);
  for_each_flag_of(s.trainer, visit, one_of("epochs", "batch"));
  for_each_flag_of(s.trainer.optimizer, visit, one_of("lr"));
  visit("kappa", s.kappa, "|A|_inf <= kappa, in (0, 1)", ranges::k_kappa);
  visit("activation", s.activation, "Entrywise");
  visit("alpha", s.alpha, "Slope of leaky_relu below 0 (default 0.01), scale of elu (default 1)",
        NumberRange{});
  visit("well-posedness", s.well_posedness, "Constraint on A");
  visit("bias", s.bias, "Append a one to each input");
  visit("no-D", s.no_D, "Y = CX, without DU");
  visit("allow-unproven", s.allow_unproven, "Accept an activation with L*kappa >= 1");
  visit("device", s.device, "auto, cpu, cuda or cuda:K");
  visit("threads", s.threads, "On the CPU; 0: as many as there are processors to use",
        ranges::k_threads);
  visit("precision", s.precision, "f32 or f64; with --init that of its file, unless it is given");
  visit("init", s.init, "Start from this model (safetensors) instead of random parameters");
  visit("prefix", s.prefix, "With --init: of the names A, B, C, D in the file");
  visit("override-metadata", s.override_metadata,
        "With --init: the flags hold where the file says something else");
  visit("project", s.project,
        "With --init: project A where it lies outside its constraint, instead of refusing it");
  visit("no-shuffle", s.no_shuffle, "Visit the samples in the order of the files");
  visit("seed", s.seed, "Of the parameters and of the order of the samples", NumberRange{});
  for_each_flag_of(s.trainer, visit, one_of("loss"));
  for_each_flag_of(s.trainer.optimizer, visit, std::not_fn(one_of("lr")));
  for_each_flag_of(s.trainer.schedule, visit);
  for_each_solver_setting(s.trainer.solver, visit);
  for_each_flag_of(s.trainer.pruning, visit);
  for_each_flag_of(s.trainer, visit, std::not_fn(one_of("epochs", "batch", "loss")));
  visit("limit", s.limit, "Use only the first N training samples; 0: all", ranges::k_not_negative);
  for_each_column_flag(s.table, visit);
  visit("labels", s.table.labels, "With --data X.npy: .npy of whole numbers, for classification");
  visit("targets", s.table.targets,
        "With --data X.npy: .npy of (samples, targets), for regression");
  visit("lengths", s.table.lengths,
        "With --recurrent: .npy of whole numbers, the steps of each sequence; default: all");
  visit("test-data", s.test_data, "Another table, to evaluate on after each epoch");
  visit("test-labels", s.test_labels, "With --test-data X.npy: its labels");
  visit("test-targets", s.test_targets, "With --test-data X.npy: its targets");
  visit("test-lengths", s.test_lengths, "With --test-data: its lengths");
  visit("validation", s.validation,
        "Share of the samples of a table to evaluate on in place of --test-data, of each class "
        "alike; 0: none",
        ranges::k_share);
  visit("standardise", s.standardise,
        "Let each feature and target have mean 0 and standard deviation 1 over the training data; "
        "the model file keeps how, and predictions undo it");
  visit("normalise", s.normalise,
        "MEAN,STD: features become (value - MEAN)/STD; the model file keeps that");
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
