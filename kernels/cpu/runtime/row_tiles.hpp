// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "idl/matrix.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

/// Work along the rows of a column-major matrix: tiles of neighbouring rows are taken together, one
/// vector lane per row, and swept column by column, so that memory is read in order.
namespace idl::cpu {

/// Rows of a tile: two cache lines of floats.
inline constexpr index_t k_tile_rows = 32;

/// body(first row, row count <= k_tile_rows) for the tiles of `rows` rows; each costs
/// `work_per_row` per row.
template <class F>
void for_each_row_tile(index_t rows, index_t work_per_row, const F& body) {
  const index_t tiles = (rows + k_tile_rows - 1) / k_tile_rows;
  parallel_for(tiles, work_per_row * k_tile_rows, [&](index_t tile) {
    const index_t first = tile * k_tile_rows;
    body(first, std::min(k_tile_rows, rows - first));
  });
}

}  // namespace idl::cpu
