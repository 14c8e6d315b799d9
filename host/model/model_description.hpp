// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "host/model/constraint_distance.hpp"
#include "idl/io.hpp"
#include "idl/model.hpp"
#include "idl/parameters.hpp"

/// What a safetensors file and whoever loads it say of a model, and what has to be assumed.
namespace idl {

/// The metadata key that only this library writes.
constexpr const char* k_version_key = "idl_format_version";
constexpr const char* k_version = "1";
/// The number of inputs, which compressed rows do not tell.
constexpr const char* k_inputs_key = "inputs";

/// Something that neither the file nor the caller says.
struct Assumption {
  std::string key;     ///< as in the metadata
  std::string value;   ///< what is taken for it
  std::string reason;  ///< "assumed; the file does not say"
};

/// "activation: relu (assumed; the file does not say)".
std::string to_text(const Assumption& assumption);

struct ModelDescription {
  std::string prefix;  ///< of the names A, B, C and D
  ModelShape shape;
  ModelOptions options;
  std::int64_t step = 0;  ///< optimiser steps that made the parameters
  std::vector<Assumption> assumptions;
  ConstraintDistance constraint;  ///< of A as it lies in the file
  /// Of the matrices in compressed rows, by their names without the prefix, the stored entries.
  std::map<std::string, index_t> stored{};

  ParameterLayout layout() const;
};

/// Looks at A too, which may tell that it is strictly upper triangular.
/// @throws IoError (an unknown format version, key, name or number; tensors that are missing, do
/// not fit or are there twice), InvalidArgument (options that contradict the metadata or each
/// other)
ModelDescription describe_model(const io::Safetensors& file, const LoadOptions& given);

/// Whether φ of this kind depends on α.
bool has_alpha(ActivationKind kind);

/// The model that lies in the file as described, projected.
template <class T>
ImplicitModel<T> take_model(Context& context, const io::Safetensors& file,
                            const ModelDescription& model);

/// load_model, and what was found out on the way.
template <class T>
std::pair<ImplicitModel<T>, ModelDescription> load_described_model(
    Context& context, const std::filesystem::path& path, const LoadOptions& options);

}  // namespace idl
