// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "idl/io.hpp"
#include "idl/model_description.hpp"

namespace idl {

/// The metadata key that only this library writes.
constexpr const char* k_version_key = "idl_format_version";
constexpr const char* k_version = "1";
/// The number of inputs, which compressed rows do not tell.
constexpr const char* k_inputs_key = "inputs";

/// Looks at A too, which may tell that it is strictly upper triangular.
/// @throws IoError (an unknown format version, key, name or number; tensors that are missing, do
/// not fit or are there twice), InvalidArgument (options that contradict the metadata or each
/// other)
ModelDescription describe_model(const io::Safetensors& file, const LoadOptions& given);

/// Of a recurrent model, what its inputs and outputs are; else those of the model.
ModelShape format_shape(const ModelDescription& model);

/// The sizes of a recurrent model, where the names of the tensors or the metadata say that it is
/// one. @param cell  the sizes of its cell
/// @throws IoError where they do not fit each other
std::optional<RecurrentShape> recurrent_shape_of(const io::Safetensors& file,
                                                 const std::string& prefix, const ModelShape& cell);

/// [W b] of a recurrent model that has a head, column-major. @throws IoError as take_tensors
template <class T>
std::vector<T> take_head(const io::Safetensors& file, const ModelDescription& model);

/// The model that lies in the file as described, projected; of a recurrent model its cell.
template <class T>
ImplicitModel<T> take_model(Context& context, const io::Safetensors& file,
                            const ModelDescription& model);
/// The same where A may be loaded; assumptions are told. @throws as load_model
/// @param model    what describe_model says with these options
template <class T>
std::pair<ImplicitModel<T>, ModelDescription> take_described_model(Context& context,
                                                                   const io::Safetensors& file,
                                                                   ModelDescription model,
                                                                   const LoadOptions& options);

}  // namespace idl
