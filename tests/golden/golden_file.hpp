// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "idl/idl.hpp"

namespace idl::test {

inline io::Safetensors read_golden(const std::string& name) {
  return io::read_safetensors(std::filesystem::path(IDL_TEST_DATA) / "golden" /
                              (name + ".safetensors"));
}

/// A row-major array of the file, column-major.
inline std::vector<double> transposed(const io::Array& array) {
  const std::vector<double> values = array.as<double>();
  const auto rows = static_cast<std::size_t>(array.shape.at(0));
  const auto cols = static_cast<std::size_t>(array.shape.at(1));
  std::vector<double> result(values.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) result[i + j * rows] = values[i * cols + j];
  return result;
}

/// A number of the file's metadata.
inline double number(const io::Safetensors& file, const std::string& key) {
  return std::stod(file.metadata.at(key));
}

}  // namespace idl::test
