// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "idl/data_format.hpp"
#include "idl/io.hpp"
#include "idl/model.hpp"

/// How a DataFormat lies in a model file: names as JSON in the metadata, scalings as tensors.
namespace idl {

/// Whether this metadata key is one of a DataFormat.
bool is_data_key(std::string_view key);

/// @throws InvalidArgument where it does not fit the model's sizes, or a name is not UTF-8
void validate(const DataFormat& data, const ModelShape& shape);

/// Adds what is not empty. @throws as validate
void put_data_format(io::Safetensors& file, const DataFormat& data, const ModelShape& shape);

/// What the file holds of it. @throws IoError where that does not fit the model's sizes
DataFormat take_data_format(const io::Safetensors& file, const ModelShape& shape);

}  // namespace idl
