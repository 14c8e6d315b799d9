// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/cpu/tile_loop.hpp"
#include "kernels/primitives.hpp"

namespace idl::cpu {

/// A loop over independent columns, cut into tiles of columns that are iterated each on its own.
///
/// Picard and adjoint iteration never look from one column to another, so the loop
///     while (some column is running) for each step: all columns
/// is the same as, for each tile, while (some column of it is running) for each step: its columns.
/// That way threads meet once per solve instead of several times per iteration, a tile stays in
/// the cache of its core, and it ends with its own slowest column instead of the batch's.
class ColumnTiles {
 public:
  /// Empty unless every step of the sequence works column by column and a tile is worth it: A must
  /// fit into a core's cache, since each tile reads all of it.
  /// `from_zero`: of a whole solve (Backend::compile_from_zero).
  static std::unique_ptr<ColumnTiles> make(const Sequence& sequence,
                                           VectorView<const std::int32_t> active, int threads,
                                           bool from_zero);

  /// Runs every tile until none of its columns is running, at most max_iterations times.
  void run(std::int32_t max_iterations);

 private:
  std::vector<std::unique_ptr<TileLoop>> loops_;  ///< one for each thread
  index_t samples_ = 0;
  index_t width_ = 0;  ///< of a tile
  bool from_zero_ = false;
  VectorView<std::int32_t> active_;  ///< of the whole batch
};

}  // namespace idl::cpu
