// SPDX-License-Identifier: MIT
#pragma once

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

/// The model that lies in the file as described, projected.
template <class T>
ImplicitModel<T> take_model(Context& context, const io::Safetensors& file,
                            const ModelDescription& model);

}  // namespace idl
