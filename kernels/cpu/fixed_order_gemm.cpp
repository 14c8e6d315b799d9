// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>

#include "kernels/cpu/gemm.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/sums.hpp"
#include "kernels/cpu/vector_width.hpp"

// op(A) is packed into panels of k_panel_rows rows, contiguous along the rows of the panel, and
// padded with zeros; a panel is multiplied with a few columns of op(B) at a time, whose sums stay
// in registers.
namespace idl::cpu {
namespace {

// Rows of a panel: two of the widest vectors.
template <class T>
constexpr index_t k_panel_rows = 128 / static_cast<index_t>(sizeof(T));
// A panel of this many columns of op(A), 128 KiB, stays in the second-level cache.
constexpr index_t k_run = 1024;
// Panels packed at a time: bounds the scratch memory.
constexpr index_t k_panels = 64;
// Columns of op(B) that one task takes along all panels.
constexpr index_t k_task_columns = 32;

// op(B) as pointer and steps.
template <class T>
struct Source {
  const T* data;
  index_t along_k;
  index_t along_columns;
};

template <class T>
struct Target {
  T* data;
  index_t ld;
  index_t rows;
  T alpha;
  T beta;
};

template <class T>
T* pack_panel(const Gemm<T>& g, index_t row, index_t rows, index_t k0, index_t length, T* out) {
  constexpr index_t k_rows = k_panel_rows<T>;
  const index_t along_rows = g.transpose_A ? g.A.ld : 1;
  const index_t along_k = g.transpose_A ? 1 : g.A.ld;
  const T* from = g.A.data + row * along_rows + k0 * along_k;
  if (rows < k_rows) std::fill_n(out, k_rows * length, T(0));
  if (along_rows == 1) {
    for (index_t k = 0; k < length; ++k) std::copy_n(from + k * along_k, rows, out + k * k_rows);
  } else {
    for (index_t i = 0; i < rows; ++i) {
      const T* entry = from + i * along_rows;
      for (index_t k = 0; k < length; ++k) out[k * k_rows + i] = entry[k];
    }
  }
  return out + k_rows * length;
}

template <class T>
void store_column(const T* sums, const Target<T>& c, index_t column) {
  T* to = c.data + column * c.ld;
  if (c.beta == T(0)) {
    for (index_t i = 0; i < c.rows; ++i) to[i] = c.alpha * sums[i];
  } else {
    for (index_t i = 0; i < c.rows; ++i) to[i] = c.alpha * sums[i] + c.beta * to[i];
  }
}

// `Columns` columns times `Packs` packs of the panel's rows, beginning at row `first`.
template <class T, std::size_t W, std::size_t Packs, std::size_t Columns>
__attribute__((always_inline)) inline void multiply_tile(const T* panel, const Source<T>& b,
                                                         index_t length, T* sums) {
  constexpr std::size_t k_lanes = W / sizeof(T);
  Pack<T, W> acc[Columns][Packs] = {};
  const T* columns[Columns];
  for (std::size_t c = 0; c < Columns; ++c) {
    columns[c] = b.data + static_cast<index_t>(c) * b.along_columns;
  }
  for (index_t k = 0; k < length; ++k) {
    Pack<T, W> a[Packs];
    for (std::size_t p = 0; p < Packs; ++p) load<T, W>(a[p], panel + p * k_lanes);
    for (std::size_t c = 0; c < Columns; ++c) {
      const T factor = columns[c][k * b.along_k];
      for (std::size_t p = 0; p < Packs; ++p) acc[c][p] += a[p] * factor;
    }
    panel += k_panel_rows<T>;
  }
  for (std::size_t c = 0; c < Columns; ++c) {
    for (std::size_t p = 0; p < Packs; ++p) {
      store<T, W>(acc[c][p], sums + c * k_panel_rows<T> + p * k_lanes);
    }
  }
}

// The panel times `Columns` columns; as many rows at a time as the registers hold.
template <class T, std::size_t W, std::size_t Columns>
__attribute__((always_inline)) inline void multiply_columns(const T* panel, const Source<T>& b,
                                                            index_t length, const Target<T>& c,
                                                            index_t first_column) {
  constexpr std::size_t k_packs = 2;
  constexpr auto k_rows = static_cast<index_t>(k_packs * W / sizeof(T));
  T sums[Columns * static_cast<std::size_t>(k_panel_rows<T>)];
  const Source<T> here{b.data + first_column * b.along_columns, b.along_k, b.along_columns};
  for (index_t row = 0; row < c.rows; row += k_rows) {
    multiply_tile<T, W, k_packs, Columns>(panel + row, here, length, sums + row);
  }
  for (index_t i = 0; i < static_cast<index_t>(Columns); ++i) {
    store_column(sums + i * k_panel_rows<T>, c, first_column + i);
  }
}

// One panel times the columns [begin, end).
template <class T>
void multiply_panel(const T* panel, const Source<T>& b, index_t length, const Target<T>& c,
                    index_t begin, index_t end) {
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    // 2·Columns sums, two packs of A and a factor: 32 registers with AVX-512, 16 otherwise.
    constexpr index_t k_columns = width() == 64 ? 8 : 4;
    index_t j = begin;
    for (; j + k_columns <= end; j += k_columns) {
      multiply_columns<T, width(), static_cast<std::size_t>(k_columns)>(panel, b, length, c, j);
    }
    for (; j < end; ++j) multiply_columns<T, width(), 1>(panel, b, length, c, j);
  });
}

}  // namespace

template <class T>
void fixed_order_gemm(const Gemm<T>& g, Scratch& scratch) {
  constexpr index_t k_rows = k_panel_rows<T>;
  const index_t r = g.C.rows;
  const index_t m = g.C.cols;
  const index_t inner = g.transpose_A ? g.A.rows : g.A.cols;
  const index_t panels = std::min(k_panels, (r + k_rows - 1) / k_rows);
  T* packed = scratch.take<T>(static_cast<std::size_t>(panels * k_rows * std::min(k_run, inner)));
  const index_t tasks = (m + k_task_columns - 1) / k_task_columns;

  for (index_t k0 = 0; k0 < inner; k0 += k_run) {
    const index_t length = std::min(k_run, inner - k0);
    const index_t along_k = g.transpose_B ? g.B.ld : 1;
    const Source<T> b{g.B.data + k0 * along_k, along_k, g.transpose_B ? 1 : g.B.ld};
    for (index_t row0 = 0; row0 < r; row0 += panels * k_rows) {
      const index_t row_end = std::min(r, row0 + panels * k_rows);
      T* out = packed;
      for (index_t row = row0; row < row_end; row += k_rows) {
        out = pack_panel(g, row, std::min(k_rows, row_end - row), k0, length, out);
      }
      parallel_for(tasks, (row_end - row0) * length * k_task_columns / 8, [&](index_t task) {
        const index_t begin = task * k_task_columns;
        const index_t end = std::min(m, begin + k_task_columns);
        const T* panel = packed;
        for (index_t row = row0; row < row_end; row += k_rows) {
          const Target<T> c{g.C.data + row, g.C.ld, std::min(k_rows, row_end - row), g.alpha,
                            k0 == 0 ? g.beta : T(1)};
          multiply_panel(panel, b, length, c, begin, end);
          panel += k_rows * length;
        }
      });
    }
  }
}

template void fixed_order_gemm(const Gemm<float>&, Scratch&);
template void fixed_order_gemm(const Gemm<double>&, Scratch&);

}  // namespace idl::cpu
