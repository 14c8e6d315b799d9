// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "idl/idl.hpp"
#include "tests/random_models/model_case.hpp"

namespace idl::test {

/// Errors that are put into the answers, to see them found.
enum class Planted : std::uint8_t {
  nothing,
  small_state_bound,
  small_adjoint_bound,
  gradient,
  bit
};

/// What has been seen over many cases.
struct Tally {
  std::array<std::uint64_t, 5> statuses{};  ///< of columns, forward, by SolveStatus
  std::vector<float> state_ratios;          ///< error / bound where the error can be told
  std::vector<float> adjoint_ratios;
  std::uint64_t gradients = 0;
  std::uint64_t compositions = 0;

  void add(const Tally& other);
};

/// Makes the model of the case, solves it and checks, against dense solves in a wider type (double
/// for float, long double for double):
///   - forward: no column's error and residual exceed what the report says;
///   - adjoint: no column's error exceeds the bound;
///   - in one case of 20, where φ is smooth: dM and dU against central differences along a random
///   direction;
///   - with batch_invariant: the bits of the columns in another composition of the batch.
/// Gives the first violation in words.
template <class T>
std::optional<std::string> check_model(Context& context, const ModelCase& model,
                                       RandomValues& random, Planted planted, Tally& tally);

}  // namespace idl::test
