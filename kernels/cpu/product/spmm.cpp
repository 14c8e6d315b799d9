// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>

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
constexpr index_t k_product_rows = 32;
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

template <class T>
inline constexpr index_t k_group_lines = 2;
template <class T>
inline constexpr index_t k_group_lanes = k_group_lines<T>* k_line_lanes<T>;

// Rows of C, a few, from columns of B that are side by side.
template <class T>
void multiply_group(const SparseRows<T>& rows, SamplePanel<const T> B, T beta,
                    const MatrixView<T>& C) {
  constexpr auto k_entries = static_cast<std::size_t>(k_product_rows * k_group_lanes<T>);
  alignas(64) T sums[k_entries];
  const SamplePanel<T> panel = {sums, k_group_lanes<T>};
  multiply_rows<T>(rows, B, panel, k_group_lines<T>);
  if (beta != T(0)) {
    alignas(64) T old[k_entries] = {};
    samples_to_lanes<T>(C, {old, k_group_lanes<T>});
    for (std::size_t k = 0; k < k_entries; ++k) sums[k] += beta * old[k];
  }
  lanes_to_samples<T>({panel.data, panel.stride}, C);
}

// As many columns at a time as may be packed, those of a group side by side.
template <class T>
void multiply_packed(const Spmm<T>& s, Scratch& scratch) {
  constexpr index_t k_lanes = k_group_lanes<T>;
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
    const auto columns_of = [&](const auto& view, index_t g) {
      const index_t first = (begin + g) * k_lanes;
      return view.columns(first, std::min(k_lanes, view.cols - first));
    };
    parallel_for(groups * packings, k_row_block * k_lanes, [&](index_t task) {
      const index_t g = task / packings;
      const index_t row = task % packings * k_row_block;
      const index_t rows = std::min(k_row_block, s.B.rows - row);
      samples_to_lanes<T>(columns_of(s.B, g).row_range(row, rows),
                          {packed + g * panel + row * k_lanes, k_lanes});
    });
    const index_t work = k_row_block * (entries_per_row(s) * k_group_lines<T> + k_lanes);
    parallel_for(groups * blocks, work, [&](index_t task) {
      const index_t g = task / blocks;
      const index_t row = task % blocks * k_row_block;
      const index_t end = std::min(s.C.rows, row + k_row_block);
      for (index_t i = row; i < end; i += k_product_rows) {
        const index_t rows = std::min(k_product_rows, end - i);
        multiply_group<T>({s.A, i, rows}, {packed + g * panel, k_lanes}, s.beta,
                          columns_of(s.C, g).row_range(i, rows));
      }
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
