// SPDX-License-Identifier: MIT
#include "host/cli/model_flags.hpp"

#include <algorithm>
#include <functional>

#include "host/cli/arguments.hpp"
#include "host/options/named_enums.hpp"
#include "host/options/ranges.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"

namespace idl::cli {
namespace {

/// A flag whose value `take` reads.
void add_value(CLI::App& command, const char* name, const char* type, const std::string& help,
               const std::function<void(const std::string&)>& take) {
  command.add_option_function<std::string>(name, take, help)->type_name(type);
}

}  // namespace

void add_model_flags(CLI::App& command, ModelFlags& flags, bool positional) {
  command
      .add_option(positional ? "--model,model" : "--model", flags.path,
                  positional ? "Model file (safetensors), with or without --model"
                             : "Model file (safetensors)")
      ->required(!positional);
  LoadOptions& load = flags.load;
  add_value(command, "--activation", "TEXT", "Of a file that does not say: relu, tanh, ...",
            [&load](const std::string& name) { load.activation = parse_activation(name).kind; });
  add_number(command, "--alpha", load.alpha, NumberRange{},
             "Slope of leaky_relu below 0, scale of elu");
  add_value(command, "--well-posedness", "TEXT", "Of A: " + k_named<WellPosednessKind>.names(),
            [&load](const std::string& name) { load.well_posedness = parse_well_posedness(name); });
  add_number(command, "--kappa", load.kappa, ranges::k_kappa, "|A|_inf <= kappa, in (0, 1)");
  command.add_flag_function(
      "--bias,!--no-bias",
      [&load](std::int64_t count) {
        IDL_CHECK(count != 0, "--bias and --no-bias are both given");
        load.bias = count > 0;
      },
      "Whether the last columns of B and D are a bias");
  command.add_flag_function(
      "--no-D", [&load](std::int64_t) { load.no_D = true; }, "The model has no D: Y = CX");
  command.add_option("--prefix", load.prefix, "Of the names A, B, C, D in the file: module, ...");
  command.add_flag("--override-metadata", load.override_metadata,
                   "These flags hold where the file says something else");
  command.add_flag("--project", load.project,
                   "Project A where it lies outside its constraint, instead of refusing it");
}

std::string precision_of_file(const std::string& path) {
  const io::Safetensors file = io::read_safetensors(path);
  const bool is_double = std::ranges::any_of(file.tensors, [](const auto& tensor) {
    const auto& [name, array] = tensor;
    return array.type == io::DataType::f64 && !name.starts_with("data.feature_") &&
           !name.starts_with("data.target_");  // scalings always are
  });
  return is_double ? "f64" : "f32";
}

nlohmann::ordered_json assumed_json(const ModelDescription& model) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const Assumption& assumption : model.assumptions) json[assumption.key] = assumption.value;
  return json;
}

}  // namespace idl::cli
