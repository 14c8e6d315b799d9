// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "idl/idl.hpp"

namespace idl::test {

/// tests/data of the tree in which the test was compiled, or $IDL_TEST_DATA: the program may run on
/// a machine that has the tree elsewhere.
inline std::filesystem::path test_data() {
  const char* elsewhere = std::getenv("IDL_TEST_DATA");
  return elsewhere != nullptr ? elsewhere : IDL_TEST_DATA;
}

inline io::Safetensors read_golden(const std::string& name) {
  return io::read_safetensors(test_data() / "golden" / (name + ".safetensors"));
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

/// The same model in other coordinates: with S = diag(64, 1, ..., 1), a relu model (SAS⁻¹, SB,
/// CS⁻¹, D) gives the same outputs, as relu(sx) = s·relu(x) for s > 0; and 64 rounds nothing.
/// @returns ‖SAS⁻¹‖∞, which is larger
inline double leave_the_ball(io::Safetensors& file) {
  const auto scale = [&](const char* name, double row, double column) {
    std::vector<double> values = file.at(name).as<double>();
    const auto cols = static_cast<std::size_t>(file.at(name).shape.at(1));
    for (std::size_t j = 0; j < cols; ++j) values[j] *= row;
    for (std::size_t k = 0; k < values.size(); k += cols) values[k] *= column;
    file.tensors[name] = io::Array::from<double>(file.at(name).shape, values);
    double norm = 0.0;
    for (std::size_t k = 0; k < values.size(); k += cols) {
      double sum = 0.0;
      for (std::size_t j = 0; j < cols; ++j) sum += std::abs(values[k + j]);
      norm = std::max(norm, sum);
    }
    return norm;
  };
  scale("B", 64.0, 1.0);
  scale("C", 1.0, 1.0 / 64.0);
  return scale("A", 64.0, 1.0 / 64.0);
}

/// A number of the file's metadata.
inline double number(const io::Safetensors& file, const std::string& key) {
  return std::stod(file.metadata.at(key));
}

}  // namespace idl::test
