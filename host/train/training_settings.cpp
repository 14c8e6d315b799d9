// SPDX-License-Identifier: MIT
#include "host/train/training_settings.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>
#include <utility>

#include "host/io/json_object.hpp"
#include "host/io/json_reader.hpp"
#include "host/model/model_file.hpp"
#include "host/options/option_table.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

/// Adds all options of `owner`: its kind as `kind`, the others as `prefix` and their key.
template <class Owner>
void add_options(io::JsonObject& json, const Owner& owner, std::string_view kind = {},
                 std::string_view prefix = {}) {
  for_each_option<Owner>([&](const auto& option) {
    if constexpr (std::is_same_v<Owner, OptimizerOptions>)
      // Checkpoints without are those of trainings that have none.
      if ((option.key == "prox" && owner.prox == 0.0) ||
          (option.key == "frozen" && owner.frozen.empty()))
        return;
    const std::string key = std::string(prefix).append(option.key);
    json.add(option.key == "kind" ? kind : key, plain(owner.*option.member));
  });
}

std::string tolerance_text(const Tolerance& tolerance) {
  io::JsonObject json;
  add_options(json, tolerance);
  return json.text();
}

template <class T>
std::optional<index_t> rank_of(const ImplicitModel<T>& model) {
  return model.options().rank;
}
template <class T>
std::optional<index_t> rank_of(const ImplicitRnn<T>& model) {
  return rank_of(model.cell());
}

}  // namespace

template <template <class> class Model, class T>
std::string training_settings(const Model<T>& model, const TrainerOptions& options,
                              const Dataset& train) {
  io::JsonObject settings;
  settings.add("precision", std::is_same_v<T, float> ? "f32" : "f64");
  settings.add("samples", train.size());
  settings.add("features", train.features());
  settings.add(train.has_targets() ? "targets" : "classes", train.outputs());
  settings.add("states", model.shape().states);
  for_each_option<TrainerOptions>([&](const auto& option) {
    // Bits do not depend on when it ends and when it is saved.
    if (option.key == "epochs" || option.key == "checkpoint_interval") return;
    if (option.key == "loss" && options.custom_loss.index() > 0)
      settings.add(option.key, "custom");
    else
      settings.add(option.key, plain(options.*option.member));
  });
  add_options(settings, options.optimizer, "optimizer");
  add_options(settings, options.schedule, "schedule", "schedule_");
  settings.add_text("forward", tolerance_text(options.solver.forward));
  settings.add_text("adjoint", tolerance_text(options.solver.adjoint));
  add_options(settings, options.solver);
  // Checkpoints without are those of trainings that prune nothing.
  if (options.pruning.density < 1.0) add_options(settings, options.pruning, "", "pruning_");
  settings.add("shuffle", options.shuffle);
  settings.add("seed", options.seed);
  for (const auto& [key, value] : model_metadata(model, 0))
    if (key != "step") settings.add("model." + key, value);
  if (const std::optional<index_t> rank = rank_of(model)) settings.add("model.rank", *rank);
  // Only the cosine schedule looks ahead to the end.
  if (options.schedule.kind == ScheduleKind::cosine) settings.add("epochs", options.epochs);
  return settings.text();
}

nlohmann::json metadata_object(const io::Safetensors& file, const char* key,
                               const char* otherwise) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end())
    throw IoError(file.path, std::string("no metadata ") + key + ": " + otherwise);
  std::optional<nlohmann::json> json = io::parse_json<nlohmann::json>(found->second);
  if (!json || !json->is_object())
    throw IoError(file.path, std::string("metadata ") + key + " is no JSON object");
  return std::move(*json);
}

void check_training_settings(const nlohmann::json& written, const std::string& wanted,
                             const std::string& path) {
  const nlohmann::json now = nlohmann::json::parse(wanted);
  std::string differences;
  const auto compare = [&](const std::string& key) {
    const auto value_in = [&key](const nlohmann::json& json) {
      return json.contains(key) ? json[key] : nlohmann::json();
    };
    if (value_in(written) == value_in(now)) return;
    differences += (differences.empty() ? "" : "; ") + key + " was " + value_in(written).dump() +
                   " and is " + value_in(now).dump();
  };
  for (const auto& [key, value] : now.items()) compare(key);
  // What is written only where it is used; other keys that are unknown may be of a later version.
  for (const auto& [key, value] : written.items())
    if (!now.contains(key) &&
        (key == "prox" || key == "frozen" || key == "model.rank" || key.rfind("pruning_", 0) == 0))
      compare(key);
  IDL_CHECK(differences.empty(), path + " cannot be resumed with other settings: " + differences);
}

template std::string training_settings(const ImplicitModel<float>&, const TrainerOptions&,
                                       const Dataset&);
template std::string training_settings(const ImplicitModel<double>&, const TrainerOptions&,
                                       const Dataset&);
template std::string training_settings(const ImplicitRnn<float>&, const TrainerOptions&,
                                       const Dataset&);
template std::string training_settings(const ImplicitRnn<double>&, const TrainerOptions&,
                                       const Dataset&);

}  // namespace idl
