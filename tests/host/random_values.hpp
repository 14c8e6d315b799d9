// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "idl/matrix.hpp"

namespace idl::test {

/// Numbers that are the same with every standard library.
class RandomValues {
 public:
  explicit RandomValues(std::uint64_t seed) : engine_(seed) {}

  /// In [0, 1).
  double unit() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * unit(); }
  /// In {low, ..., high}.
  index_t integer(index_t low, index_t high) {
    return low + static_cast<index_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  std::vector<double> uniforms(index_t count, double low, double high) {
    std::vector<double> values(static_cast<std::size_t>(count));
    for (double& value : values) value = uniform(low, high);
    return values;
  }
  /// n×n with ‖A‖∞ = norm, other rows somewhat smaller, about a third of the entries zero.
  std::vector<double> matrix_of_norm(index_t n, double norm) {
    const auto size = static_cast<std::size_t>(n);
    std::vector<double> A = uniforms(n * n, -1.0, 1.0);
    for (double& value : A)
      if (unit() < 0.3) value = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < size; ++j) sum += std::abs(A[i + j * size]);
      const double target = i == 0 ? norm : norm * uniform(0.5, 1.0);
      if (sum == 0.0) A[i] = sum = target;
      for (std::size_t j = 0; j < size; ++j) A[i + j * size] *= target / sum;
    }
    return A;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace idl::test
