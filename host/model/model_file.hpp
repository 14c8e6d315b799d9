// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

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

/// @throws IoError where A, B, C or (unless no_D) D is missing or has another shape
void check_blocks(const io::Safetensors& file, const std::string& prefix, const ModelShape& shape,
                  const ModelOptions& options);

/// The metadata that describe a model.
std::map<std::string, std::string> model_metadata(const ModelOptions& options, std::int64_t step);

/// "A (3, 3), B (3, 2)": the tensors whose names begin with `prefix`, at most 12 of them.
std::string tensor_list(const io::Safetensors& file, const std::string& prefix);

/// A tensor of two dimensions whose elements are floating-point numbers.
/// @throws IoError where there is none of this name
const io::Array& parameter_matrix(const io::Safetensors& file, const std::string& name);

}  // namespace idl
