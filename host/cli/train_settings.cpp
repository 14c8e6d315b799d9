// SPDX-License-Identifier: MIT
#include "host/cli/train_settings.hpp"

#include <type_traits>

#include "host/io/binary_file.hpp"
#include "host/io/json_bytes.hpp"
#include "host/io/json_reader.hpp"
#include "idl/error.hpp"

namespace idl::cli {

namespace {

// What was not said is null.
template <class Value>
nlohmann::ordered_json value_json(const Value& value) {
  return plain(value);
}
template <class Value>
nlohmann::ordered_json value_json(const std::optional<Value>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

nlohmann::ordered_json value_json(const std::string& value) { return io::json_of_bytes(value); }

template <class Value>
bool take(const nlohmann::ordered_json& json, Value& value) {
  if constexpr (std::is_enum_v<Value>) {
    std::conditional_t<std::is_same_v<Value, StopRule>, bool, std::string> held;
    if (!io::take_json(json, held)) return false;
    value = from_plain<Value>(held);
    return true;
  } else {
    return io::take_json(json, value);
  }
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
  for_each_setting(
      settings, [&](std::string_view name, const auto& value, std::string_view, NumberRange = {}) {
        json[std::string(name)] = value_json(value);
      });
  return json;
}

TrainSettings settings_from_json(const nlohmann::ordered_json& json, const std::string& source) {
  IDL_CHECK(json.is_object(), source + ": the settings are no JSON object");
  TrainSettings settings;
  std::size_t known = 0;
  for_each_setting(settings, [&](std::string_view name, auto& value, std::string_view,
                                 const NumberRange& range = {}) {
    const auto found = json.find(std::string(name));
    if (found == json.end()) return;
    ++known;
    const std::string what = std::string(source).append(": ").append(name);
    bool taken = false;
    try {
      taken = take(*found, value);
    } catch (const InvalidArgument& error) {
      throw InvalidArgument(what + ": " + error.what());
    }
    IDL_CHECK(taken, what + " is " + found->dump() + ", which has the wrong type");
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
  Activation activation = parse_activation(to_string(settings.activation));  // with its usual α
  IDL_CHECK(!settings.alpha || has_alpha(activation.kind),
            "--alpha is given, but " + std::string(to_string(activation.kind)) + " has none");
  activation.alpha = settings.alpha.value_or(activation.alpha);
  return {.activation = activation,
          .well_posedness = {settings.well_posedness, settings.kappa},
          .bias = settings.bias,
          .no_D = settings.no_D,
          .allow_unproven = settings.allow_unproven,
          .rank = settings.rank};
}

LoadOptions load_options(const TrainSettings& settings,
                         const std::function<bool(const std::string&)>& is_said) {
  LoadOptions load{.override_metadata = settings.override_metadata,
                   .project = settings.project,
                   .allow_unproven = settings.allow_unproven};
  const WellPosednessKind kind = settings.well_posedness;
  if (is_said("activation")) load.activation = settings.activation;
  load.alpha = settings.alpha;
  if (is_said("well-posedness")) load.well_posedness = kind;
  if (is_said("kappa") && kind == WellPosednessKind::inf_norm_ball) load.kappa = settings.kappa;
  if (is_said("bias")) load.bias = settings.bias;
  if (is_said("no-D")) load.no_D = settings.no_D;
  if (!settings.prefix.empty()) load.prefix = settings.prefix;
  return load;
}

void take_options(TrainSettings& settings, const ModelOptions& options) {
  settings.activation = options.activation.kind;
  settings.alpha.reset();
  if (has_alpha(options.activation.kind)) settings.alpha = options.activation.alpha;
  settings.well_posedness = options.well_posedness.kind;
  settings.kappa = options.well_posedness.kappa;
  settings.bias = options.bias;
  settings.no_D = options.no_D;
  settings.rank = options.rank;
}

TrainerOptions trainer_options(const TrainSettings& settings) {
  TrainerOptions options = settings.trainer;
  options.solver.adjoint = options.solver.forward;
  options.shuffle = !settings.no_shuffle;
  options.seed = settings.seed;
  return options;
}

}  // namespace idl::cli
