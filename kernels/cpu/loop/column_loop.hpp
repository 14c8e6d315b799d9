// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/fixed_point.hpp"

namespace idl::cpu {

/// A loop over independent columns that are iterated each on its own.
///
/// Picard and adjoint iteration never look from one column to another, so the loop
///     while (some column is running) for each step: all columns
/// is the same as, for each column, while (it is running) for each step: this column. Each thread
/// works on some columns at a time (kernels/cpu/loop/column_slots.hpp, for a sparse A and a small
/// one kernels/cpu/loop/sample_lanes.hpp) and takes the next one as soon as one of them has
/// stopped. That way threads meet twice per solve, when A is packed and at the end, instead of
/// several times per iteration, what they work on stays in the cache of their core, and no product
/// goes on for a column that has stopped.
template <class T>
class ColumnLoop {
 public:
  virtual ~ColumnLoop() = default;

  /// Of a valid solve; with SolveStart::given the steps that start it come before run(). Empty
  /// unless A, or its factors, may be kept packed (PackedGemm::fits) or A is sparse, and there are
  /// enough columns for each thread to read all of it.
  static std::unique_ptr<ColumnLoop> make(const FixedPoint<T>& solve, int threads);

  /// Later runs are of this solve, which differs from the one before in where its columns lie and
  /// in nothing else.
  virtual void move_to(const FixedPoint<T>& solve) = 0;

  /// Iterates each running column until it stops.
  virtual void run() = 0;
};

}  // namespace idl::cpu
