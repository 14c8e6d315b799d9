// SPDX-License-Identifier: MIT
#include "host/cli/train_settings.hpp"

#include <type_traits>

#include "host/io/binary_file.hpp"
#include "host/io/json_bytes.hpp"
#include "host/io/json_reader.hpp"
#include "host/model/model_description.hpp"
#include "idl/error.hpp"

namespace idl::cli {

namespace {

// What was not said is null.
template <class Value>
nlohmann::ordered_json value_json(const Value& value) {
  return value;
}
template <class Value>
nlohmann::ordered_json value_json(const std::optional<Value>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

nlohmann::ordered_json value_json(const std::string& value) { return io::json_of_bytes(value); }

template <class Value>
bool take(const nlohmann::ordered_json& json, Value& value) {
  return io::take_json(json, value);
}
template <class Value>
bool take(const nlohmann::ordered_json& json, std::optional<Value>& value) {
  value.reset();
  return json.is_null() || io::take_json(json, value.emplace());
}

template <class Value>
void check_range(const std::string& name, const Value& value, const NumberRange& range) {
  if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>)
    check_number(name, value, range);
}
template <class Value>
void check_range(const std::string& name, const std::optional<Value>& value,
                 const NumberRange& range) {
  if (value) check_range(name, *value, range);
}

}  // namespace

nlohmann::ordered_json to_json(const TrainSettings& settings) {
  nlohmann::ordered_json json;
  for_each_setting(settings, [&](const char* name, const auto& value, const char*,
                                 NumberRange = {}) { json[name] = value_json(value); });
  return json;
}

TrainSettings settings_from_json(const nlohmann::ordered_json& json, const std::string& source) {
  IDL_CHECK(json.is_object(), source + ": the settings are no JSON object");
  TrainSettings settings;
  std::size_t known = 0;
  for_each_setting(settings, [&](const char* name, auto& value, const char*,
                                 const NumberRange& range = {}) {
    const auto found = json.find(name);
    if (found == json.end()) return;
    ++known;
    const std::string what = source + ": " + name;
    IDL_CHECK(take(*found, value), what + " is " + found->dump() + ", which has the wrong type");
    check_range(what, value, range);
  });
  if (known == json.size()) return settings;
  const nlohmann::ordered_json all = to_json(settings);
  for (const auto& [name, value] : json.items())
    if (!all.contains(name))
      throw InvalidArgument(std::string(source).append(": unknown setting '").append(name) + "'");
  return settings;
}

TrainSettings read_config(const std::filesystem::path& path) {
  const auto json = io::parse_json<nlohmann::ordered_json>(io::read_text(path));
  if (!json || !json->is_object() || !json->contains("settings"))
    throw IoError(path.string(),
                  "is no configuration of a run: expected a JSON object with settings");
  return settings_from_json((*json)["settings"], path.string());
}

ModelOptions model_options(const TrainSettings& settings) {
  Activation activation = parse_activation(settings.activation);
  IDL_CHECK(!settings.alpha || has_alpha(activation.kind),
            "--alpha is given, but " + settings.activation + " has none");
  activation.alpha = settings.alpha.value_or(activation.alpha);
  return {.activation = activation,
          .well_posedness = {parse_well_posedness(settings.well_posedness), settings.kappa},
          .bias = settings.bias,
          .no_D = settings.no_D,
          .allow_unproven = settings.allow_unproven};
}

LoadOptions load_options(const TrainSettings& settings,
                         const std::function<bool(const std::string&)>& is_said) {
  LoadOptions load{.override_metadata = settings.override_metadata,
                   .project = settings.project,
                   .allow_unproven = settings.allow_unproven};
  const WellPosednessKind kind = parse_well_posedness(settings.well_posedness);
  if (is_said("activation")) load.activation = parse_activation(settings.activation).kind;
  load.alpha = settings.alpha;
  if (is_said("well-posedness")) load.well_posedness = kind;
  if (is_said("kappa") && kind == WellPosednessKind::inf_norm_ball) load.kappa = settings.kappa;
  if (is_said("bias")) load.bias = settings.bias;
  if (is_said("no-D")) load.no_D = settings.no_D;
  if (!settings.prefix.empty()) load.prefix = settings.prefix;
  return load;
}

void take_options(TrainSettings& settings, const ModelOptions& options) {
  settings.activation = to_string(options.activation.kind);
  settings.alpha.reset();
  if (has_alpha(options.activation.kind)) settings.alpha = options.activation.alpha;
  settings.well_posedness = to_string(options.well_posedness.kind);
  settings.kappa = options.well_posedness.kappa;
  settings.bias = options.bias;
  settings.no_D = options.no_D;
}

TrainerOptions trainer_options(const TrainSettings& settings) {
  TrainerOptions options;
  options.epochs = settings.epochs;
  options.batch_size = settings.batch;
  options.loss = parse_loss(settings.loss);
  options.optimizer = {.kind = parse_optimizer(settings.optimizer),
                       .learning_rate = settings.lr,
                       .weight_decay = settings.weight_decay,
                       .momentum = settings.momentum};
  options.schedule = {.kind = parse_schedule(settings.schedule),
                      .period = settings.schedule_period,
                      .gamma = settings.schedule_gamma};
  const Tolerance tolerance{
      .max_iterations = settings.max_iterations,
      .absolute = settings.tolerance,
      .relative = settings.relative_tolerance,
      .rule = settings.certified ? StopRule::certified_bound : StopRule::step};
  options.solver = {.forward = tolerance,
                    .adjoint = tolerance,
                    .sweep = parse_sweep(settings.sweep),
                    .acceleration = parse_acceleration(settings.acceleration),
                    .precision = parse_precision(settings.arithmetic),
                    .batch_invariant = settings.batch_invariant};
  options.shuffle = !settings.no_shuffle;
  options.seed = settings.seed;
  options.checkpoint_interval = settings.checkpoint_interval;
  return options;
}

}  // namespace idl::cli
