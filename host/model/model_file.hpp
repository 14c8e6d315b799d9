// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "idl/io.hpp"
#include "idl/model.hpp"

/// How a model lies in a safetensors file; shared by model files and training checkpoints.
namespace idl {

/// Adds A, B, C and (unless no_D) D, row-major, taken from contiguous column-major M, to `file`,
/// each name preceded by `prefix`.
template <class T>
void put_blocks(io::Safetensors& file, const std::string& prefix, std::span<const T> M,
                const ModelShape& shape, const ModelOptions& options);

/// The inverse of put_blocks: M contiguous and column-major; D is zero where the file has none.
/// @throws IoError where a block is missing or has another shape
template <class T>
std::vector<T> take_blocks(const io::Safetensors& file, const std::string& prefix,
                           const ModelShape& shape, const ModelOptions& options);

/// The metadata that describe a model.
std::map<std::string, std::string> model_metadata(const ModelOptions& options, std::int64_t step);

/// What a file's metadata say of the model, completed by LoadOptions and defaults.
/// @throws IoError for an unknown format version, key, name or number
ModelOptions options_from_metadata(const io::Safetensors& file, const LoadOptions& given);

/// The optimiser steps behind the parameters, from the metadata; 0 where they say nothing.
std::int64_t step_from_metadata(const io::Safetensors& file);

/// The sizes, from the shapes of A, B, C. @throws IoError where they do not fit each other
ModelShape shape_from_blocks(const io::Safetensors& file, const ModelOptions& options);

}  // namespace idl
