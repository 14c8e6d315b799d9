// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "idl/io.hpp"
#include "idl/trainer.hpp"

namespace idl {

/// Everything beside the parameters that the bits of a training depend on, as a JSON object.
template <template <class> class Model, class T>
std::string training_settings(const Model<T>& model, const TrainerOptions& options,
                              const Dataset& train);

/// The JSON object in the metadata of this key.
/// @param otherwise  what a file without it is told to be
/// @throws IoError
nlohmann::json metadata_object(const io::Safetensors& file, const char* key, const char* otherwise);

/// @param written  what training_settings() gave when the checkpoint `path` was written
/// @param wanted   what it gives now
/// @throws InvalidArgument where they differ, naming each setting with both values
void check_training_settings(const nlohmann::json& written, const std::string& wanted,
                             const std::string& path);

}  // namespace idl
