// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <type_traits>

#include "kernels/cpu/product/lanes.hpp"
#include "kernels/cpu/product/sparse_rows.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

// Each entry of C is summed as multiply_rows says, whatever the number of columns. Columns of B are
// packed side by side, so that an entry of A multiplies a row of neighbours.
namespace idl::cpu {
namespace {

// Up to so many columns are not worth the packing.
constexpr index_t k_few = 3;
constexpr index_t k_row_block = 256;
// Rows whose sums stay in the first-level cache.
constexpr index_t k_rows = 32;
// What is packed of B at a time.
constexpr index_t k_packed_bytes = index_t(4) << 20;

template <class T>
T scaled(T beta, T old) {
  return beta == T(0) ? T(0) : beta * old;  // C is not read into the result with beta == 0
}

template <class T>
index_t entries_per_row(const Spmm<T>& s) {
  return s.C.rows > 0 ? s.A.nnz / s.C.rows + 1 : 1;
}

template <class T>
void multiply_few(const Spmm<T>& s) {
  const index_t blocks = (s.C.rows + k_row_block - 1) / k_row_block;
  parallel_for(blocks * s.C.cols, k_row_block * entries_per_row(s), [&](index_t task) {
    const index_t row = task % blocks * k_row_block;
    const index_t j = task / blocks;
    const index_t count = std::min(k_row_block, s.C.rows - row);
    T sums[k_row_block];
    multiply_rows<T>({s.A, row, count}, s.B.data + j * s.B.ld, sums);
    T* c = s.C.data + row + j * s.C.ld;
    for (index_t i = 0; i < count; ++i) c[i] = sums[i] + scaled(s.beta, c[i]);
  });
}

// A few columns of B side by side, and the columns of C that they become.
template <class T>
struct Group {
  static constexpr index_t k_lines = 2;
  static constexpr index_t k_lanes = k_lines * k_line_lanes<T>;
  static constexpr auto k_entries = static_cast<std::size_t>(k_rows * k_lanes);
  T* packed;  // k rows
  index_t first;
  index_t count;

  void pack(const ConstMatrixView<T>& B, index_t row, index_t rows) const {
    T* to = packed + row * k_lanes;
    if (count < k_lanes) std::fill_n(to, rows * k_lanes, T(0));
    columns_to_lanes<T>(from_row(B, row).columns(), all_lanes(), rows, {to, k_lanes});
  }

  void multiply(const Spmm<T>& s, index_t row, index_t rows) const {
    alignas(64) T sums[k_entries];
    multiply_rows<T>({s.A, row, rows}, {packed, k_lanes}, {sums, k_lanes}, k_lines);
    const Columns<T> C = from_row(s.C, row);
    if (s.beta != T(0)) {
      alignas(64) T old[k_entries] = {};
      const Columns<const T> values = from_row(ConstMatrixView<T>(s.C), row);
      columns_to_lanes<T>(values.columns(), all_lanes(), rows, {old, k_lanes});
      for (index_t k = 0; k < rows * k_lanes; ++k) sums[k] += s.beta * old[k];
    }
    lanes_to_columns<T>({sums, k_lanes}, all_lanes(), rows, C.columns());
  }

 private:
  template <class Element>
  struct Columns {
    std::array<Element*, static_cast<std::size_t>(k_lanes)> at;
    std::size_t count;
    std::span<Element* const> columns() const { return std::span(at).first(count); }
  };

  template <class View>
  auto from_row(const View& view, index_t row) const {
    Columns<std::remove_pointer_t<decltype(view.data)>> result{{}, static_cast<std::size_t>(count)};
    for (std::size_t c = 0; c < result.count; ++c)
      result.at[c] = view.data + row + (first + static_cast<index_t>(c)) * view.ld;
    return result;
  }

  std::span<const index_t> all_lanes() const {
    static constexpr auto k_all = [] {
      std::array<index_t, static_cast<std::size_t>(k_lanes)> all{};
      for (std::size_t l = 0; l < all.size(); ++l) all[l] = static_cast<index_t>(l);
      return all;
    }();
    return std::span(k_all).first(static_cast<std::size_t>(count));
  }
};

// As many columns at a time as may be packed, those of a group side by side.
template <class T>
void multiply_packed(const Spmm<T>& s, Scratch& scratch) {
  constexpr index_t k_lanes = Group<T>::k_lanes;
  const index_t panel = s.B.rows * k_lanes;
  const index_t all = (s.C.cols + k_lanes - 1) / k_lanes;
  const auto panel_bytes = panel * static_cast<index_t>(sizeof(T));
  const index_t together =
      std::min(all, std::max<index_t>(k_packed_bytes / std::max<index_t>(panel_bytes, 1), 4));
  T* packed = scratch.take<T>(static_cast<std::size_t>(together * panel));
  const index_t packings = (s.B.rows + k_row_block - 1) / k_row_block;
  const index_t blocks = (s.C.rows + k_row_block - 1) / k_row_block;
  for (index_t begin = 0; begin < all; begin += together) {
    const index_t groups = std::min(together, all - begin);
    const auto group = [&](index_t g) {
      const index_t first = (begin + g) * k_lanes;
      return Group<T>{packed + g * panel, first, std::min(k_lanes, s.C.cols - first)};
    };
    parallel_for(groups * packings, k_row_block * k_lanes, [&](index_t task) {
      const index_t row = task % packings * k_row_block;
      group(task / packings).pack(s.B, row, std::min(k_row_block, s.B.rows - row));
    });
    const index_t work = k_row_block * (entries_per_row(s) * Group<T>::k_lines + k_lanes);
    parallel_for(groups * blocks, work, [&](index_t task) {
      const Group<T> of_task = group(task / blocks);
      const index_t row = task % blocks * k_row_block;
      const index_t end = std::min(s.C.rows, row + k_row_block);
      for (index_t i = row; i < end; i += k_rows) of_task.multiply(s, i, std::min(k_rows, end - i));
    });
  }
}

// Aᵀ B spreads row i of A over the rows of C, so a column of C belongs to one task.
template <class T>
void multiply_transposed(const Spmm<T>& s) {
  parallel_for(s.C.cols, s.A.nnz + s.C.rows, [&](index_t j) {
    const T* b = s.B.data + j * s.B.ld;
    T* c = s.C.data + j * s.C.ld;
    for (index_t i = 0; i < s.C.rows; ++i) c[i] = scaled(s.beta, c[i]);
    for (index_t i = 0; i < s.A.rows; ++i) {
      for (std::int64_t e = s.A.row_offsets[i]; e < s.A.row_offsets[i + 1]; ++e) {
        c[s.A.col_indices[e]] += s.A.values[e] * b[i];
      }
    }
  });
}

}  // namespace

template <class T>
void execute(const Spmm<T>& s, Scratch& scratch) {
  if (s.transpose_A)
    multiply_transposed(s);
  else if (s.C.cols <= k_few)
    multiply_few(s);
  else
    multiply_packed(s, scratch);
}

template void execute(const Spmm<float>&, Scratch&);
template void execute(const Spmm<double>&, Scratch&);

}  // namespace idl::cpu
