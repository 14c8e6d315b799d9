// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "idl/model_description.hpp"

namespace idl::cli {

/// A model file, and what its user knows of it.
struct ModelFlags {
  std::string path;
  LoadOptions load;
};

/// --model, and the flags that complete what the file says. `flags` must outlive the parse.
/// @param positional  whether the file may be named without --model; the caller sees whether it is
void add_model_flags(CLI::App& command, ModelFlags& flags, bool positional = false);

/// "f64" where the model file holds float64, else "f32": what is made of it is as precise.
/// @throws IoError
std::string precision_of_file(const std::string& path);

/// {"activation": "relu", ...}: what had to be assumed.
nlohmann::ordered_json assumed_json(const ModelDescription& model);

}  // namespace idl::cli
