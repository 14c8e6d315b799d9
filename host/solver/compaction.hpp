// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "host/solver/iteration_state.hpp"
#include "idl/context.hpp"
#include "kernels/backend.hpp"
#include "kernels/primitives.hpp"

namespace idl::solver {

/// When columns that have stopped are worth leaving out of the products.
struct CompactionRule {
  /// Of one product over all columns, 2n²m; below, looking after the columns costs more than the
  /// products that it saves.
  double least_flops = 2e10;
  /// Products of fewer columns are no faster.
  index_t least_columns = 128;
};

/// The loop of a solve, {Gemm, PicardUpdate or AdjointUpdate, UpdateStatus}, whose running columns
/// move together whenever fewer than half are left.
///
///   repeat the step over m columns                    while more than m/2 are running
///   gather these; repeat over m/2 columns             while more than m/4 are running
///   gather these; repeat over m/4 columns             until none is running
///   put everything back
///
/// All of it is given to the device at once: the counts are looked at there. Columns are
/// independent, so the answers differ by no more than products of another width do. Where the rule
/// does not hold, where the step is accelerated, and on the CPU, whose loops do it themselves, it
/// is the plain loop.
///
/// `iteration` is what `step` decides by, and the decision ends every column within
/// `max_iterations`. The program's sequence is the step, then each gathering and its step, then
/// what puts the columns back.
template <class T>
std::unique_ptr<Program> compile_loop(Context& context, Sequence step,
                                      const IterationState<T>& iteration,
                                      std::int32_t max_iterations, const CompactionRule& rule);

}  // namespace idl::solver
