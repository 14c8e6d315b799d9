// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {
namespace {

/// Rows and columns of a tile, both sides of which stay in the first-level cache.
constexpr index_t k_tile = 32;

}  // namespace

template <class T>
void execute(const Transpose<T>& t, Scratch&) {
  const index_t row_tiles = (t.X.rows + k_tile - 1) / k_tile;
  parallel_for(row_tiles, k_tile * t.X.cols, [&](index_t tile) {
    const index_t first = tile * k_tile;
    const index_t last = std::min(first + k_tile, t.X.rows);
    for (index_t left = 0; left < t.X.cols; left += k_tile) {
      const index_t right = std::min(left + k_tile, t.X.cols);
      for (index_t i = first; i < last; ++i)
        for (index_t j = left; j < right; ++j) t.Y.data[j + i * t.Y.ld] = t.X.data[i + j * t.X.ld];
    }
  });
}

template void execute(const Transpose<float>&, Scratch&);
template void execute(const Transpose<double>&, Scratch&);

}  // namespace idl::cpu
