// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "kernels/cpu/product/panel_product.hpp"
#include "kernels/cpu/runtime/copy_few.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"
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

/// result <- a and b lane by lane in turns, from lane First of each on.
template <std::size_t First, class Lanes, std::size_t... L>
__attribute__((always_inline)) inline void interleave(const Lanes& a, const Lanes& b, Lanes& result,
                                                      std::index_sequence<L...>) {
#if __has_builtin(__builtin_shufflevector)
  result = __builtin_shufflevector(a, b, (First + L / 2 + L % 2 * sizeof...(L))...);
#else
  ((result[L] = (L % 2 == 0 ? a : b)[First + L / 2]), ...);
#endif
}

/// `to` <- the transpose of a square block with as many rows as a pack has lanes.
template <class T, std::size_t W>
__attribute__((always_inline)) inline void transpose_block(const T* from, index_t from_ld, T* to,
                                                           index_t to_ld) {
  constexpr std::size_t k_lanes = W / sizeof(T);
  constexpr std::make_index_sequence<k_lanes> k_all;
  Pack<T, W> rows[k_lanes];
  for (std::size_t r = 0; r < k_lanes; ++r)
    load<T, W>(rows[r], from + static_cast<index_t>(r) * from_ld);
  // Each time the lanes of one half of the rows come between those of the other.
  for (std::size_t done = 1; done < k_lanes; done *= 2) {
    Pack<T, W> next[k_lanes];
    for (std::size_t r = 0; r < k_lanes / 2; ++r) {
      interleave<0>(rows[r], rows[r + k_lanes / 2], next[2 * r], k_all);
      interleave<k_lanes / 2>(rows[r], rows[r + k_lanes / 2], next[2 * r + 1], k_all);
    }
    for (std::size_t r = 0; r < k_lanes; ++r) rows[r] = next[r];
  }
  for (std::size_t r = 0; r < k_lanes; ++r)
    store<T, W>(rows[r], to + static_cast<index_t>(r) * to_ld);
}

/// panel(l·width + i) <- from(i·ld + l) for i < rows, l < length: in square blocks, and what is
/// left over one by one.
template <class T>
void pack_transposed(const T* from, index_t ld, index_t rows, index_t length, T* panel,
                     index_t width) {
  with_widest_vectors([=](auto bytes) __attribute__((always_inline)) {
    constexpr auto k_lanes = static_cast<index_t>(bytes() / sizeof(T));
    const index_t whole_rows = rows / k_lanes * k_lanes;
    const index_t whole_length = length / k_lanes * k_lanes;
    for (index_t l = 0; l < whole_length; l += k_lanes) {
      for (index_t i = 0; i < whole_rows; i += k_lanes)
        transpose_block<T, bytes()>(from + i * ld + l, ld, panel + l * width + i, width);
    }
    for (index_t i = 0; i < rows; ++i) {
      for (index_t l = i < whole_rows ? whole_length : 0; l < length; ++l)
        panel[l * width + i] = from[i * ld + l];
    }
  });
}

/// Rows [row, row + rows) of op(A) from its column k on, `length` columns, as a panel: with zeros
/// where it has room for more rows.
template <class T>
void pack_panel(const Gemm<T>& g, index_t row, index_t rows, index_t k, index_t length, T* panel) {
  const index_t width = packed_rows<T>(rows);
  if (rows < width) std::fill_n(panel, length * width, T(0));
  if (g.transpose_A) {
    pack_transposed(g.A.data + row * g.A.ld + k, g.A.ld, rows, length, panel, width);
    return;
  }
  const T* from = g.A.data + row + k * g.A.ld;
  for (index_t l = 0; l < length; ++l)
    copy_few<k_panel_rows<T>>(from + l * g.A.ld, rows, panel + l * width);
}

}  // namespace idl::cpu
