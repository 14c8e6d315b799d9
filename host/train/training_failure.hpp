// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "host/train/training_step.hpp"
#include "idl/trainer.hpp"

namespace idl {

/// Tells of a step in T whose numbers are not finite, and of its batch's samples names one in which
/// the trouble is. Where the data are not to blame, it says what may help.
/// @param batch    of the epoch, 0 for the first
/// @param samples  of `train`, those of the batch
template <class T>
std::string failure_text(const StepMetrics& step, index_t batch, const BatchFigures& figures,
                         const Dataset& train, std::span<const std::int32_t> samples);

/// What whoever gets an error may rely on: the files of a step, -1 for none.
std::string untouched(std::int64_t saved_steps);

/// Tells of test samples whose loss is not finite.
std::string test_failure_text(std::int64_t epoch, const Evaluation& test);

}  // namespace idl
