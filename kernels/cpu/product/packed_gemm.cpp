// SPDX-License-Identifier: MIT
#include "kernels/cpu/product/packed_gemm.hpp"

#include <algorithm>

#include "kernels/cpu/product/few_columns.hpp"
#include "kernels/cpu/product/packed_panels.hpp"

namespace idl::cpu {
namespace {

// A larger op(A) is not kept packed: the memory of a second one is too much.
constexpr double k_most_bytes = 256.0 * 1024 * 1024;

template <class T>
index_t panels_of(const Gemm<T>& g) {
  return (g.C.rows + k_panel_rows<T> - 1) / k_panel_rows<T>;
}

/// What a run over k after the first adds to the sums.
template <class T>
void add_product(const Panel<T>& panel, index_t rows, index_t k, index_t length,
                 const PanelColumns<T>& columns) {
  alignas(64) T sums[k_panel_columns * k_panel_rows<T>];
  PanelColumns<T> of_run = columns;
  of_run.first_row = 0;
  for (index_t c = 0; c < columns.count; ++c) {
    of_run.factors[c] += k * columns.along_k;
    of_run.sums[c] = sums + c * k_panel_rows<T>;
  }
  multiply_panel(panel, rows, length, of_run);
  for (index_t c = 0; c < columns.count; ++c) {
    T* to = columns.sums[c] + columns.first_row;
    for (index_t i = 0; i < rows; ++i) to[i] += of_run.sums[c][i];
  }
}

}  // namespace

template <class T>
bool PackedGemm<T>::fits(const Gemm<T>& g) {
  const auto bytes = static_cast<double>(g.C.rows) * static_cast<double>(inner_size(g)) * sizeof(T);
  return g.C.rows > 0 && inner_size(g) > 0 && bytes <= k_most_bytes && !g.transpose_B &&
         g.alpha == T(1) && g.beta == T(0);
}

template <class T>
bool PackedGemm<T>::begins_at(index_t row) {
  return row % k_panel_rows<T> == 0;
}

template <class T>
void PackedGemm<T>::prepare(const Gemm<T>& g, index_t columns) {
  source_ = g;
  packed_ = nullptr;
  // The columns of Aᵀ are packed in any case, and so are sums of several runs.
  if (columns <= k_few_columns && !g.transpose_A && inner_size(g) <= k_run) return;
  const index_t rows = panels_of(g) * k_panel_rows<T>;
  packed_ = scratch_.take<T>(static_cast<std::size_t>(rows * inner_size(g)));
}

template <class T>
index_t PackedGemm<T>::panels() const {
  return packed_ == nullptr ? 0 : panels_of(source_);
}

template <class T>
void PackedGemm<T>::pack(index_t panel) {
  const index_t inner = inner_size(source_);
  const index_t first = panel * k_panel_rows<T>;
  pack_panel(source_, first, std::min(k_panel_rows<T>, source_.C.rows - first), 0, inner,
             packed_ + first * inner);
}

template <class T>
void PackedGemm<T>::multiply(index_t row, index_t rows, std::span<PanelColumns<T>> groups) const {
  const index_t inner = inner_size(source_);
  const index_t end = std::min(source_.C.rows, row + rows);
  if (packed_ == nullptr) {
    for (PanelColumns<T>& columns : groups) {
      columns.first_row = row;
      multiply_few(Panel<T>{source_.A.data + row, source_.A.ld}, end - row, inner, columns);
    }
    return;
  }
  for (index_t first = row; first < end; first += k_panel_rows<T>) {
    // The panel may hold more rows than are asked for.
    const index_t width = packed_rows<T>(std::min(k_panel_rows<T>, source_.C.rows - first));
    const index_t count = std::min(k_panel_rows<T>, end - first);
    const T* panel = packed_ + first * inner;
    for (PanelColumns<T>& columns : groups) {
      columns.first_row = first;
      multiply_panel({panel, width}, count, std::min(k_run, inner), columns);
    }
    for (index_t k = k_run; k < inner; k += k_run) {
      const Panel<T> run = {panel + k * width, width};
      for (const PanelColumns<T>& columns : groups)
        add_product(run, count, k, std::min(k_run, inner - k), columns);
    }
  }
}

template class PackedGemm<float>;
template class PackedGemm<double>;

}  // namespace idl::cpu
