// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/base/named_enum.hpp"

namespace idl {

/// A way to run a loop over columns of which each stops by itself.
enum class LoopStrategy : std::uint8_t {
  automatic,         ///< to choose: the fastest that fits
  straight,          ///< no loop at all
  step_by_step,      ///< on the CPU: each step over all columns, until none runs
  column_by_column,  ///< on the CPU: each thread iterates a few columns at a time
  fused,             ///< on a GPU: the whole solve in one kernel; on the CPU column by column
  fused_recurrence,  ///< on a GPU: all steps of a recurrent pass in one kernel
  conditional_node,  ///< on a GPU: a WHILE node in a graph, whose condition is taken on the device
  block_replay,      ///< on a GPU: graphs of some iterations, which the host stops late
  compacted,         ///< running columns move together whenever half of them have stopped
  row_split,         ///< of a sparse A: product and update of samples in rows as one step
  library_product,   ///< of a sparse A: products of samples in rows, on a GPU by cuSPARSE
  refined,           ///< products in bfloat16 around exact residuals
  substitution       ///< row by row, once: where A is strictly upper triangular
};

namespace names {
inline constexpr NamedValue<LoopStrategy> k_loop_strategy[] = {
    {LoopStrategy::automatic, "automatic"},
    {LoopStrategy::straight, "straight"},
    {LoopStrategy::step_by_step, "step_by_step"},
    {LoopStrategy::column_by_column, "column_by_column"},
    {LoopStrategy::fused, "fused"},
    {LoopStrategy::fused_recurrence, "fused_recurrence"},
    {LoopStrategy::conditional_node, "conditional_node"},
    {LoopStrategy::block_replay, "block_replay"},
    {LoopStrategy::compacted, "compacted"},
    {LoopStrategy::row_split, "row_split"},
    {LoopStrategy::library_product, "library_product"},
    {LoopStrategy::refined, "refined"},
    {LoopStrategy::substitution, "substitution"}};
}  // namespace names

template <>
inline constexpr NamedEnum<LoopStrategy> k_named<LoopStrategy>{"loop strategy",
                                                               names::k_loop_strategy};

constexpr std::string_view to_string(LoopStrategy strategy) {
  return k_named<LoopStrategy>.name_of(strategy);
}

}  // namespace idl
