// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

namespace idl {

/// A way to run a loop over columns of which each stops by itself.
enum class LoopStrategy : std::uint8_t {
  automatic,         ///< to choose: the fastest that fits
  straight,          ///< no loop at all
  step_by_step,      ///< on the CPU: each step over all columns, until none runs
  column_by_column,  ///< on the CPU: each thread iterates a few columns at a time
  fused,             ///< on a GPU: the whole solve in one kernel; on the CPU column by column
  conditional_node,  ///< on a GPU: a WHILE node in a graph, whose condition is taken on the device
  block_replay,      ///< on a GPU: graphs of some iterations, which the host stops late
  compacted,         ///< running columns move together whenever half of them have stopped
  refined            ///< products in bfloat16 around exact residuals
};

constexpr std::string_view to_string(LoopStrategy strategy) {
  switch (strategy) {
    case LoopStrategy::automatic:
      return "automatic";
    case LoopStrategy::straight:
      return "straight";
    case LoopStrategy::step_by_step:
      return "step_by_step";
    case LoopStrategy::column_by_column:
      return "column_by_column";
    case LoopStrategy::fused:
      return "fused";
    case LoopStrategy::conditional_node:
      return "conditional_node";
    case LoopStrategy::block_replay:
      return "block_replay";
    case LoopStrategy::compacted:
      return "compacted";
    case LoopStrategy::refined:
      return "refined";
  }
  return "unknown";
}

}  // namespace idl
