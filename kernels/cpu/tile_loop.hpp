// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/primitives.hpp"

namespace idl::cpu {

/// The loop over one tile of columns: product, update, decision and, where it is accelerated, mix,
/// until none is running.
///
/// Columns stop one by one. When a quarter of those at work have, the others are moved together, so
/// that products do not go on for columns that are done; they are put back at the end.
class TileLoop {
 public:
  virtual ~TileLoop() = default;

  /// The columns [first, first + count) of the loop; empty where it is none of this kind. Allocates
  /// all that run() needs.
  static std::unique_ptr<TileLoop> make(const Sequence& steps, index_t first, index_t count);

  /// Returns how many columns are still running after max_iterations.
  virtual std::int32_t run(std::int32_t max_iterations) = 0;
};

}  // namespace idl::cpu
