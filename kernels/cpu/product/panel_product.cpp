// SPDX-License-Identifier: MIT
// Compiled with contraction: a sum of products becomes fused multiply-adds, which on many
// processors doubles the rate.
#include "kernels/cpu/product/panel_product.hpp"

#include <cstddef>

#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"

namespace idl::cpu {
namespace {

// Steps that a panel which is not packed is fetched ahead the first time that it is read: its lines
// lie too far apart for the processor to foresee, and after an optimiser's step many of them are in
// the cache of another core.
constexpr index_t k_ahead = 24;

// Columns [first, first + Columns) times `Packs` packs of the panel's rows from `row` on.
template <class T, std::size_t W, std::size_t Packs, std::size_t Columns, bool Fetch>
__attribute__((always_inline)) inline void multiply_tile(const Panel<T>& panel, index_t row,
                                                         index_t length,
                                                         const PanelColumns<T>& columns,
                                                         index_t first) {
  constexpr std::size_t k_lanes = W / sizeof(T);
  Pack<T, W> acc[Columns][Packs] = {};
  const T* factors[Columns];
  for (std::size_t c = 0; c < Columns; ++c) factors[c] = (columns.factors + first)[c];
  const T* from = panel.data + row;
  const index_t along_k = columns.along_k;
  for (index_t k = 0; k < length; ++k) {
    if constexpr (Fetch) {
      for (std::size_t p = 0; p < Packs; ++p)
        __builtin_prefetch(from + k_ahead * panel.along_k + p * k_lanes);
    }
    Pack<T, W> a[Packs];
    for (std::size_t p = 0; p < Packs; ++p) load<T, W>(a[p], from + p * k_lanes);
    for (std::size_t c = 0; c < Columns; ++c) {
      const T factor = factors[c][k * along_k];
      for (std::size_t p = 0; p < Packs; ++p) acc[c][p] += a[p] * factor;
    }
    from += panel.along_k;
  }
  for (std::size_t c = 0; c < Columns; ++c) {
    T* sums = (columns.sums + first)[c] + columns.first_row + row;
    for (std::size_t p = 0; p < Packs; ++p) store<T, W>(acc[c][p], sums + p * k_lanes);
  }
}

// As many rows at a time as the registers hold.
template <class T, std::size_t W, std::size_t Columns>
__attribute__((always_inline)) inline void multiply_rows(const Panel<T>& panel, index_t rows,
                                                         index_t length,
                                                         const PanelColumns<T>& columns,
                                                         index_t first) {
  constexpr auto k_lanes = static_cast<index_t>(W / sizeof(T));
  for (index_t row = 0; row < rows; row += 2 * k_lanes) {
    if (rows - row <= k_lanes) {
      multiply_tile<T, W, 1, Columns, false>(panel, row, length, columns, first);
    } else if (first == 0 && panel.along_k > k_panel_rows<T>) {
      multiply_tile<T, W, 2, Columns, true>(panel, row, length, columns, first);
    } else {
      multiply_tile<T, W, 2, Columns, false>(panel, row, length, columns, first);
    }
  }
}

// `Columns` columns at a time, then the rest with fewer.
template <class T, std::size_t W, std::size_t Columns>
__attribute__((always_inline)) inline void multiply_columns(const Panel<T>& panel, index_t rows,
                                                            index_t length,
                                                            const PanelColumns<T>& columns,
                                                            index_t first) {
  constexpr auto k_columns = static_cast<index_t>(Columns);
  for (; first + k_columns <= columns.count; first += k_columns)
    multiply_rows<T, W, Columns>(panel, rows, length, columns, first);
  if constexpr (Columns > 1) {
    if (first < columns.count)
      multiply_columns<T, W, Columns - 1>(panel, rows, length, columns, first);
  }
}

}  // namespace

template <class T>
void multiply_panel(const Panel<T>& panel, index_t rows, index_t length,
                    const PanelColumns<T>& columns) {
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    // 2·Columns sums, two packs of A and a factor: 32 registers with AVX-512, 16 otherwise, and one
    // more for a product that is not fused.
    constexpr std::size_t k_columns = width() == 64 ? 8 : width() == 32 ? 6 : 4;
    multiply_columns<T, width(), k_columns>(panel, rows, length, columns, 0);
  });
}

template void multiply_panel(const Panel<float>&, index_t, index_t, const PanelColumns<float>&);
template void multiply_panel(const Panel<double>&, index_t, index_t, const PanelColumns<double>&);

}  // namespace idl::cpu
