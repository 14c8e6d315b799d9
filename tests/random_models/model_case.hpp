// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "idl/model.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {

/// How A is filled. Whatever the kind, ‖A‖∞ = κ/L_φ in the numbers that the model holds, up to
/// rounding.
enum class FillKind : std::uint8_t { mixed_signs, positive, sparse, equal_rows, edge_rows, count };

/// One random model with its data, and what is asked of the solver. Everything follows from the
/// seed and the number, so that a case can be repeated alone.
struct ModelCase {
  std::uint64_t number = 0;
  ModelShape shape;
  index_t samples = 0;
  Activation activation;
  double kappa = 0;  ///< L_φ‖A‖∞
  FillKind fill = FillKind::mixed_signs;
  bool strictly_upper = false;
  bool bias = false;
  bool no_D = false;
  bool is_double = false;
  double input_scale = 1;
  SolverOptions solver;

  std::string text() const;
};

/// Random numbers of one case; the case is drawn from them first.
RandomValues random_of(std::uint64_t seed, std::uint64_t number);
ModelCase random_case(RandomValues& random, std::uint64_t number);

/// A of the case's kind, n×n, column-major.
std::vector<double> random_A(RandomValues& random, const ModelCase& model);

}  // namespace idl::test
