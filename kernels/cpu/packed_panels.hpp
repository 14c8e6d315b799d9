// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "kernels/cpu/copy_few.hpp"
#include "kernels/cpu/panel_product.hpp"
#include "kernels/primitives.hpp"

namespace idl::cpu {

/// Sums are made in runs of this many terms: a panel of as many columns of op(A), 128 KiB, stays in
/// the second-level cache.
inline constexpr index_t k_run = 1024;

/// Terms of a sum.
template <class T>
index_t inner_size(const Gemm<T>& g) {
  return g.transpose_A ? g.A.rows : g.A.cols;
}

/// Rows that a packed panel has room for: a half for few.
template <class T>
index_t packed_rows(index_t rows) {
  return rows <= k_panel_rows<T> / 2 ? k_panel_rows<T> / 2 : k_panel_rows<T>;
}

/// Rows [row, row + rows) of op(A) from its column k on, `length` columns, as a panel: with zeros
/// where it has room for more rows.
template <class T>
void pack_panel(const Gemm<T>& g, index_t row, index_t rows, index_t k, index_t length, T* panel) {
  constexpr index_t k_rows = k_panel_rows<T>;
  const index_t width = packed_rows<T>(rows);
  if (rows < width) std::fill_n(panel, length * width, T(0));
  if (!g.transpose_A) {
    const T* from = g.A.data + row + k * g.A.ld;
    for (index_t l = 0; l < length; ++l)
      copy_few<k_rows>(from + l * g.A.ld, rows, panel + l * width);
    return;
  }
  // A cache line of each row of op(A) at a time.
  constexpr auto k_line = static_cast<index_t>(64 / sizeof(T));
  const T* from = g.A.data + row * g.A.ld + k;
  for (index_t first = 0; first < length; first += k_line) {
    const index_t end = std::min(length, first + k_line);
    for (index_t i = 0; i < rows; ++i) {
      for (index_t l = first; l < end; ++l) panel[l * width + i] = from[i * g.A.ld + l];
    }
  }
}

}  // namespace idl::cpu
