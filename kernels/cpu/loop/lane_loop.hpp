// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "kernels/cpu/loop/column_loop.hpp"
#include "kernels/cpu/loop/column_steps.hpp"

namespace idl::cpu {

/// The loop of a sparse op(A), in panels of samples (kernels/cpu/loop/sample_lanes.hpp). Empty
/// where the panels would take too much memory, and where there are too few columns for each thread
/// to read all of a large A.
template <class T, class Update>
std::unique_ptr<ColumnLoop<T>> make_lane_loop(const ColumnSteps<T, Update>& steps,
                                              const ConstCsrView<T>& A, int threads);

/// Whether a dense A is small, and there are enough columns to fill the lanes.
template <class T, class Update>
bool fills_lanes(const ColumnSteps<T, Update>& steps, const ConstMatrixView<T>& A);

/// The same of a dense A. Empty unless it fills the lanes.
template <class T>
std::unique_ptr<ColumnLoop<T>> make_lane_loop(const ColumnSteps<T, PicardUpdate<T>>& steps,
                                              const ConstMatrixView<T>& A, int threads);

}  // namespace idl::cpu
