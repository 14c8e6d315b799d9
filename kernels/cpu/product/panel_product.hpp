// SPDX-License-Identifier: MIT
#pragma once

#include "idl/matrix.hpp"

namespace idl::cpu {

/// Rows of a panel: two of the widest vectors.
template <class T>
inline constexpr index_t k_panel_rows = 128 / static_cast<index_t>(sizeof(T));

/// At most as many columns are given to a panel at a time: some times what fills the registers.
inline constexpr index_t k_panel_columns = 16;

/// k_panel_rows rows of op(A): the entries of a column are neighbours, columns `along_k` apart.
template <class T>
struct Panel {
  const T* data;
  index_t along_k;
};

/// Up to k_panel_columns columns of op(B), where each begins and the distance of its entries, and
/// of the product, of which the entries from first_row on are meant.
template <class T>
struct PanelColumns {
  const T* factors[k_panel_columns];
  index_t along_k;
  T* sums[k_panel_columns];
  index_t count;
  index_t first_row = 0;
};

/// sums[c][first_row + i] = Σ_k panel(i, k) · factors[c][k · along_k] for i < `rows`, or for some
/// rows more to fill a pack of k_panel_rows/2, where panel and sums must have room. k ascends from
/// 0 to `length` − 1 and each step is one fused multiply-add where the machine has it: the bits of
/// a sum depend on nothing but its row and its column.
template <class T>
void multiply_panel(const Panel<T>& panel, index_t rows, index_t length,
                    const PanelColumns<T>& columns);

extern template void multiply_panel(const Panel<float>&, index_t, index_t,
                                    const PanelColumns<float>&);
extern template void multiply_panel(const Panel<double>&, index_t, index_t,
                                    const PanelColumns<double>&);

}  // namespace idl::cpu
