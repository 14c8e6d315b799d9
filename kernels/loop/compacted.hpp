// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <vector>

#include "kernels/backend.hpp"
#include "kernels/fixed_point.hpp"

/// Solves whose running columns move together whenever fewer than half are left.
///
///   iterate m columns                        while more than m/2 are running
///   gather these; iterate m/2 columns        while more than m/4 are running
///   gather these; iterate m/4 columns        until none is running
///   put everything back
///
/// All of it is given to the device at once: the counts are looked at there. Columns are
/// independent, so the answers differ by no more than products of another width do.
namespace idl {

/// When columns that have stopped are worth leaving out of the products.
struct CompactionRule {
  /// Of one product over all columns; below, looking after the columns costs more than the products
  /// that it saves.
  double least_flops = 2e10;
  /// Products of fewer columns are no faster.
  index_t least_columns = 128;
};

inline constexpr CompactionRule k_always_compacted = {.least_flops = 0, .least_columns = 1};

/// How many columns each level has after the first, which has all; empty where the rule asks for
/// none, or the solve is accelerated or swept in blocks of rows.
template <class T>
std::vector<index_t> compacted_widths(const FixedPoint<T>& solve, const CompactionRule& rule = {});

/// The solve with one level more for each of `widths`. The description is valid. @throws
/// OutOfMemory
template <class T>
std::unique_ptr<Program> compile_compacted(const std::shared_ptr<Backend>& backend,
                                           const FixedPoint<T>& solve,
                                           const std::vector<index_t>& widths);

}  // namespace idl
