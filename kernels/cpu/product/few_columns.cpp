// SPDX-License-Identifier: MIT
// Compiled with contraction, as panel_product.cpp is: the same fused multiply-adds.
#include "kernels/cpu/product/few_columns.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "kernels/cpu/product/packed_panels.hpp"
#include "kernels/cpu/runtime/flush_subnormals.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"

namespace idl::cpu {
namespace {

// An A of this size stays in the second-level cache.
constexpr index_t k_most_bytes = index_t(512) << 10;

// Packs of sums for each of `Columns` columns that the registers hold beside those of A: 32
// registers with AVX-512, 16 otherwise. More than 8 sums hide the latency of an addition.
template <std::size_t W, std::size_t Columns>
inline constexpr std::size_t k_most_packs = (W == 64 ? std::array{12, 6, 4, 4}
                                                     : std::array{8, 4, 3, 2})[Columns - 1];

// Rows [row, row + rows) of `Columns` columns, in `Packs` packs; the last one begins earlier, so as
// to be whole, and makes some sums again.
template <class T, std::size_t W, std::size_t Packs, std::size_t Columns>
__attribute__((always_inline)) inline void multiply_tile(const Panel<T>& A, index_t row,
                                                         index_t rows, index_t length,
                                                         const PanelColumns<T>& columns) {
  constexpr auto k_lanes = static_cast<index_t>(W / sizeof(T));
  constexpr auto k_last = static_cast<index_t>(Packs - 1);
  const index_t last = rows - k_lanes;
  Pack<T, W> acc[Columns][Packs] = {};
  const T* factors[Columns];
  for (std::size_t c = 0; c < Columns; ++c) factors[c] = columns.factors[c];
  const T* from = A.data + row;
  const index_t along_k = columns.along_k;
  for (index_t k = 0; k < length; ++k) {
    Pack<T, W> a[Packs];
    for (index_t p = 0; p < k_last; ++p) load<T, W>(a[p], from + p * k_lanes);
    load<T, W>(a[k_last], from + last);
    for (std::size_t c = 0; c < Columns; ++c) {
      const T factor = factors[c][k * along_k];
      for (std::size_t p = 0; p < Packs; ++p) acc[c][p] += a[p] * factor;
    }
    from += A.along_k;
  }
  for (std::size_t c = 0; c < Columns; ++c) {
    T* sums = columns.sums[c] + columns.first_row + row;
    for (index_t p = 0; p < k_last; ++p) store<T, W>(acc[c][p], sums + p * k_lanes);
    store<T, W>(acc[c][k_last], sums + last);
  }
}

// `packs` is at most Packs.
template <class T, std::size_t W, std::size_t Packs, std::size_t Columns>
__attribute__((always_inline)) inline void multiply_packs(index_t packs, const Panel<T>& A,
                                                          index_t row, index_t rows, index_t length,
                                                          const PanelColumns<T>& columns) {
  if constexpr (Packs > 1) {
    if (packs < static_cast<index_t>(Packs))
      return multiply_packs<T, W, Packs - 1, Columns>(packs, A, row, rows, length, columns);
  }
  multiply_tile<T, W, Packs, Columns>(A, row, rows, length, columns);
}

// In packs of W bytes, or, where the rows do not fill one, in narrower ones. There are no more than
// MostPacks packs.
template <class T, std::size_t W, std::size_t Columns, std::size_t MostPacks>
__attribute__((always_inline)) inline void multiply_rows(const Panel<T>& A, index_t rows,
                                                         index_t length,
                                                         const PanelColumns<T>& columns) {
  constexpr auto k_lanes = static_cast<index_t>(W / sizeof(T));
  if constexpr (k_lanes > 1) {
    if (rows < k_lanes) {
      // One entry at a time after the narrowest vectors.
      constexpr std::size_t k_narrower = W > 16 ? W / 2 : sizeof(T);
      return multiply_rows<T, k_narrower, Columns, W / k_narrower>(A, rows, length, columns);
    }
  }
  constexpr std::size_t k_packs = std::min<std::size_t>(k_most_packs<W, Columns>, MostPacks);
  const index_t packs = (rows + k_lanes - 1) / k_lanes;
  const index_t tiles = (packs + static_cast<index_t>(k_packs) - 1) / static_cast<index_t>(k_packs);
  for (index_t tile = 0; tile < tiles; ++tile) {
    const index_t begin = packs * tile / tiles;
    const index_t end = packs * (tile + 1) / tiles;
    // A tile that is a part of a pack begins earlier.
    const index_t row = std::min(begin * k_lanes, rows - k_lanes);
    multiply_packs<T, W, k_packs, Columns>(end - begin, A, row, std::min(end * k_lanes, rows) - row,
                                           length, columns);
  }
}

}  // namespace

template <class T>
void multiply_few(const Panel<T>& A, index_t rows, index_t length, const PanelColumns<T>& columns) {
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    constexpr std::size_t k_all = 12;
    switch (columns.count) {
      case 1:
        return multiply_rows<T, width(), 1, k_all>(A, rows, length, columns);
      case 2:
        return multiply_rows<T, width(), 2, k_all>(A, rows, length, columns);
      case 3:
        return multiply_rows<T, width(), 3, k_all>(A, rows, length, columns);
      default:
        return multiply_rows<T, width(), 4, k_all>(A, rows, length, columns);
    }
  });
}

template <class T>
bool multiply_few(const Gemm<T>& g) {
  const index_t inner = inner_size(g);
  const bool few = g.C.cols <= k_few_columns && inner <= k_run &&
                   g.C.rows * inner * static_cast<index_t>(sizeof(T)) <= k_most_bytes;
  if (!few || g.transpose_A || g.transpose_B || g.alpha != T(1) || g.beta != T(0)) return false;
  PanelColumns<T> columns{.factors = {}, .along_k = 1, .sums = {}, .count = g.C.cols};
  for (index_t j = 0; j < g.C.cols; ++j) {
    columns.factors[j] = g.B.data + j * g.B.ld;
    columns.sums[j] = g.C.data + j * g.C.ld;
  }
  const FlushSubnormals flush;
  multiply_few(Panel<T>{g.A.data, g.A.ld}, g.C.rows, inner, columns);
  return true;
}

template bool multiply_few(const Gemm<float>&);
template bool multiply_few(const Gemm<double>&);
template void multiply_few(const Panel<float>&, index_t, index_t, const PanelColumns<float>&);
template void multiply_few(const Panel<double>&, index_t, index_t, const PanelColumns<double>&);

}  // namespace idl::cpu
