// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>

#include "kernels/fixed_point.hpp"
#include "kernels/loop_strategy.hpp"

namespace idl::cuda {

/// What the choice among the ways of a sparse solve asks of a device.
struct SparseDevice {
  int multiprocessors;
  std::function<bool()> has_library;  ///< asked where cuSPARSE would be taken
};

/// Seconds that an iteration is expected to take by each way.
struct SparseSeconds {
  double row_split;
  double library_product;
  double step_by_step;  ///< products over columns
};
template <class T>
SparseSeconds expect_seconds(const FixedPoint<T>& solve, int multiprocessors);

/// The way that is expected to be the fastest: fused, row_split or library_product; none where it
/// is a loop of steps over all columns. `fused` is what FusedSparseLoop expects of an iteration,
/// none where it cannot run the solve.
///
/// Nothing is timed here: ways differ in the order of their sums, and the bits of an answer must
/// not depend on how busy a device was. With batch_invariant the choice depends on no number of
/// columns, and is never the library, which promises to repeat its bits and nothing beyond.
template <class T>
std::optional<LoopStrategy> choose_sparse_way(const FixedPoint<T>& solve,
                                              std::optional<double> fused,
                                              const SparseDevice& device);

}  // namespace idl::cuda
