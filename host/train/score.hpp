// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "idl/data.hpp"
#include "idl/trainer.hpp"

namespace idl {

/// What a mean squared error over samples of `data` is worth; nothing where they have labels.
/// @param variance  data.target_variance()
std::optional<RegressionScore> score_of(const Dataset& data, double variance, double loss);

/// Whether the losses of an epoch are.
bool is_finite(const EpochMetrics& metrics);

}  // namespace idl
