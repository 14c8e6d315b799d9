// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/primitives.hpp"

namespace idl::cpu {

/// The loop over a tile of columns: product, update, decision and, where it is accelerated, mix,
/// until none is running. One thread takes tile after tile with it.
///
/// The columns are worked on in buffers that stay in the cache. Products do not go on for columns
/// that have stopped: the library's own loops leave them out, and for a BLAS the others are moved
/// together when a quarter of those at work have stopped.
class TileLoop {
 public:
  virtual ~TileLoop() = default;

  /// The loop of these steps, or, `from_zero`, the whole solve (Backend::compile_from_zero), for
  /// tiles of up to `widest` columns; empty where it is none of this kind.
  static std::unique_ptr<TileLoop> make(const Sequence& steps, index_t widest, bool from_zero);

  /// To be called once A is what it is, before the tiles of a launch.
  virtual void begin() = 0;
  /// The columns [first, first + count) of the loop. Returns how many are still running after
  /// max_iterations.
  virtual std::int32_t run(index_t first, index_t count, std::int32_t max_iterations) = 0;
};

}  // namespace idl::cpu
