// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdint>

#include "kernels/cpu/product/few_columns.hpp"
#include "kernels/cpu/product/packed_panels.hpp"
#include "kernels/cpu/runtime/copy_few.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

// Each entry of C is summed over k in ascending order in runs of a fixed length: its bits do not
// depend on the other columns, on the number of threads or, among machines with fused multiply-add,
// on the width of the vectors.
//
// op(A) is taken in panels of k_panel_rows rows: packed, so that a panel is contiguous along its
// rows and padded with zeros, or, where A serves few columns only, as it lies. A panel is
// multiplied with a few columns of op(B) at a time, whose sums stay in registers.
namespace idl::cpu {
namespace {

// Panels packed at a time: bounds the scratch memory.
constexpr index_t k_panels = 64;
// Packed panels of this size stay in the second-level cache beside a range of columns, and all
// columns of this size beside a panel.
constexpr index_t k_panels_bytes = index_t(512) << 10;
constexpr index_t k_columns_bytes = index_t(1) << 20;
// Columns of op(B) that one task takes, about, and where neither stays: 512 KiB of them, for which
// the panels come from farther away. What is shared evenly are multiples of a few.
constexpr index_t k_task_columns = 32;
constexpr index_t k_many_task_columns = 128;
constexpr index_t k_even_columns = 4;
// From this number of columns on packing pays; later for a panel of whole cache lines, the lines of
// several columns of which share a page.
constexpr index_t k_packing_columns = 16;
constexpr index_t k_packing_columns_of_lines = 128;
// Up to this number of columns a panel of Aᵀ is packed by the task that multiplies it.
constexpr index_t k_few_transposed = k_panel_columns;
constexpr index_t k_line_bytes = 64;
constexpr index_t k_sharing_bytes = 2048;
// Columns of op(A) that one task packs: several lines of each row, where they lie along the rows.
constexpr index_t k_packed_together = 128;
// Multiplications and additions that count as one element of parallel_for's work; an entry of the
// result counts as two more.
constexpr index_t k_operations = 16;

// op(B), in groups of k_panel_columns columns.
template <class T>
struct Source {
  const T* data;
  index_t along_k;
  index_t along_columns;
  index_t along_groups;

  const T* column(index_t j) const {
    return data + j / k_panel_columns * along_groups + j % k_panel_columns * along_columns;
  }
};

template <class T>
struct Target {
  T* data;
  index_t ld;
  index_t rows;
  T alpha;
  T beta;
};

// The part of the product that one round of packing serves: rows [row, row + rows) of op(A) and its
// columns [k, k + length).
struct Round {
  index_t row;
  index_t rows;
  index_t k;
  index_t length;
};

template <class T>
__attribute__((always_inline)) inline void store_column(const T* sums, const Target<T>& c,
                                                        index_t column) {
  T* to = c.data + column * c.ld;
  if (c.alpha == T(1) && c.beta == T(0)) {
    copy_few<k_panel_rows<T>>(sums, c.rows, to);
  } else if (c.beta == T(0)) {
    for (index_t i = 0; i < c.rows; ++i) to[i] = c.alpha * sums[i];
  } else {
    for (index_t i = 0; i < c.rows; ++i) to[i] = c.alpha * sums[i] + c.beta * to[i];
  }
}

// A panel whose first rows are not meant.
template <class T>
struct PanelEnd {
  Panel<T> panel;
  index_t skipped = 0;
};

// One panel times the columns [begin, end).
template <class T>
void multiply_columns(const PanelEnd<T>& rows, const Source<T>& b, index_t length,
                      const Target<T>& c, index_t begin, index_t end) {
  alignas(64) T sums[k_panel_columns * k_panel_rows<T>];
  // There is room for the panel's rows, and nothing is to be done with the sums.
  const bool in_place = c.rows == k_panel_rows<T> && c.alpha == T(1) && c.beta == T(0);
  for (index_t first = begin; first < end; first += k_panel_columns) {
    PanelColumns<T> columns{.factors = {},
                            .along_k = b.along_k,
                            .sums = {},
                            .count = std::min(k_panel_columns, end - first)};
    for (index_t k = 0; k < columns.count; ++k) {
      columns.factors[k] = b.column(first + k);
      columns.sums[k] = in_place ? c.data + (first + k) * c.ld : sums + k * k_panel_rows<T>;
    }
    multiply_panel(rows.panel, rows.skipped + c.rows, length, columns);
    if (in_place) continue;
    with_widest_vectors([&](auto) __attribute__((always_inline)) {
      for (index_t k = 0; k < columns.count; ++k)
        store_column(columns.sums[k] + rows.skipped, c, first + k);
    });
  }
}

template <class T>
index_t panels_of(const Round& part) {
  return (part.rows + k_panel_rows<T> - 1) / k_panel_rows<T>;
}

template <class T>
index_t rows_of(const Round& part, index_t panel) {
  return std::min(k_panel_rows<T>, part.rows - panel * k_panel_rows<T>);
}

template <class T>
T* packed_at(const Round& part, T* packed, index_t panel) {
  return packed + panel * k_panel_rows<T> * part.length;
}

template <class T>
void pack_round(const Gemm<T>& g, const Round& part, T* packed) {
  const index_t pieces = (part.length + k_packed_together - 1) / k_packed_together;
  const index_t work = k_panel_rows<T> * std::min(part.length, k_packed_together);
  parallel_for(panels_of<T>(part) * pieces, work, [&](index_t k) {
    const index_t panel = k / pieces;
    const index_t begin = k % pieces * k_packed_together;
    pack_panel(g, part.row + panel * k_panel_rows<T>, rows_of<T>(part, panel), part.k + begin,
               std::min(part.length - begin, k_packed_together),
               packed_at(part, packed, panel) + begin * packed_rows<T>(rows_of<T>(part, panel)));
  });
}

/// A round cut into panels times ranges of columns. Neighbouring tasks share a panel where all
/// columns stay in the cache, which spares threads the others' panels; otherwise they share a range
/// of columns, and each thread gets as many columns as the others.
struct Tasks {
  index_t panels;
  index_t columns;
  index_t ranges;
  bool columns_stay;

  struct Task {
    index_t panel;
    index_t begin;  ///< of the columns
    index_t end;
  };
  Task operator[](index_t task) const {
    const index_t range = columns_stay ? task % ranges : task / panels;
    return {columns_stay ? task / ranges : task % panels, bound(range), bound(range + 1)};
  }
  /// Where a range begins: all are equally wide, but for multiples.
  index_t bound(index_t range) const {
    const index_t units = (columns + k_even_columns - 1) / k_even_columns;
    return std::min(columns, range * units / ranges * k_even_columns);
  }
};

template <class T>
Tasks tasks_of(const Round& part, index_t m) {
  const index_t column_bytes = part.length * static_cast<index_t>(sizeof(T));
  const index_t panels = panels_of<T>(part);
  const bool panels_stay = panels * k_panel_rows<T> * column_bytes <= k_panels_bytes;
  const bool columns_stay = !panels_stay && m * column_bytes <= k_columns_bytes;
  const index_t most = panels_stay || columns_stay ? k_task_columns : k_many_task_columns;
  const index_t sharing = columns_stay ? 1 : allowed_threads();
  return {.panels = panels,
          .columns = m,
          .ranges = (m + most * sharing - 1) / (most * sharing) * sharing,
          .columns_stay = columns_stay};
}

/// Multiplies the panels, which panel_at(index) finds, with all columns.
template <class T, class PanelAt>
void multiply_round(const Gemm<T>& g, const Round& part, const Source<T>& b,
                    const PanelAt& panel_at) {
  const index_t m = g.C.cols;
  const Tasks tasks = tasks_of<T>(part, m);
  const index_t work =
      k_panel_rows<T> * (m / tasks.ranges + 1) * (part.length + 2 * k_operations) / k_operations;
  parallel_for(tasks.panels * tasks.ranges, work, [&](index_t task) {
    const auto [panel, begin, end] = tasks[task];
    const Target<T> c{g.C.data + part.row + panel * k_panel_rows<T>, g.C.ld,
                      rows_of<T>(part, panel), g.alpha, part.k == 0 ? g.beta : T(1)};
    multiply_columns(panel_at(panel), b, part.length, c, begin, end);
  });
}

/// Whether Bᵀ is packed: the entries of one of its columns lie far apart, and more than a few
/// panels read them.
template <class T>
bool packs_columns(const Gemm<T>& g) {
  constexpr index_t k_few_panels = 16;
  return g.transpose_B && g.C.rows > k_few_panels * k_panel_rows<T>;
}

/// Rows [k, k + length) of op(B), packed where that is worth it.
template <class T>
Source<T> columns_of(const Gemm<T>& g, index_t k, index_t length, T* packed) {
  if (!g.transpose_B) return {g.B.data + k, 1, g.B.ld, k_panel_columns * g.B.ld};
  const T* from = g.B.data + k * g.B.ld;
  if (!packs_columns(g)) return {from, g.B.ld, 1, k_panel_columns};
  const index_t along_groups = length * k_panel_columns;
  const index_t groups = (g.C.cols + k_panel_columns - 1) / k_panel_columns;
  parallel_for(groups, along_groups, [&](index_t group) {
    const index_t first = group * k_panel_columns;
    const index_t count = std::min(k_panel_columns, g.C.cols - first);
    T* to = packed + group * along_groups;
    for (index_t row = 0; row < length; ++row)
      copy_few<k_panel_columns>(from + row * g.B.ld + first, count, to + row * k_panel_columns);
  });
  return {packed, k_panel_columns, 1, along_groups};
}

/// Whether op(A), of a panel at least, is multiplied as it lies.
template <class T>
bool takes_unpacked(const Gemm<T>& g) {
  const index_t step = g.A.ld * static_cast<index_t>(sizeof(T));
  const bool whole_lines =
      reinterpret_cast<std::uintptr_t>(g.A.data) % k_line_bytes == 0 && step % k_line_bytes == 0;
  const bool few = g.C.cols < (whole_lines && step <= k_sharing_bytes ? k_packing_columns_of_lines
                                                                      : k_packing_columns);
  return !g.transpose_A && few;
}

/// A product with less than a panel: each thread packs it for itself, which takes no longer than to
/// fetch it from the cache of another core.
template <class T>
void multiply_single_panel(const Gemm<T>& g, const Round& part, const Source<T>& b, T* packed) {
  const index_t m = g.C.cols;
  const Target<T> c{g.C.data + part.row, g.C.ld, part.rows, g.alpha, part.k == 0 ? g.beta : T(1)};
  const index_t groups = (m + k_panel_columns - 1) / k_panel_columns;
  const index_t work = packed_rows<T>(part.rows) * part.length * k_panel_columns / k_operations;
  // One thread alone packs once.
  const index_t shares = threads_for(groups, work);
  parallel_for(shares, work * (groups / shares), [&](index_t share) {
    const index_t begin = m * share / shares;
    const index_t end = m * (share + 1) / shares;
    T* panel = packed + share * k_panel_rows<T> * part.length;
    pack_panel(g, part.row, part.rows, part.k, part.length, panel);
    multiply_columns({{panel, packed_rows<T>(part.rows)}}, b, part.length, c, begin, end);
  });
}

/// Aᵀ times few columns: a panel is packed and, while it is in the cache, multiplied.
template <class T>
void multiply_few_transposed(const Gemm<T>& g, const Round& part, const Source<T>& b, T* packed) {
  const index_t m = g.C.cols;
  const index_t work = k_panel_rows<T> * part.length * (k_operations + m) / k_operations;
  parallel_for(panels_of<T>(part), work, [&](index_t panel) {
    const index_t row = part.row + panel * k_panel_rows<T>;
    const index_t rows = rows_of<T>(part, panel);
    T* to = packed_at(part, packed, panel);
    pack_panel(g, row, rows, part.k, part.length, to);
    const Target<T> c{g.C.data + row, g.C.ld, rows, g.alpha, part.k == 0 ? g.beta : T(1)};
    multiply_columns({{to, packed_rows<T>(rows)}}, b, part.length, c, 0, m);
  });
}

template <class T>
void pack_and_multiply_round(const Gemm<T>& g, const Round& part, const Source<T>& b, T* packed) {
  if (g.transpose_A && g.C.cols <= k_few_transposed)
    return multiply_few_transposed(g, part, b, packed);
  if (takes_unpacked(g)) {
    multiply_round(g, part, b, [&](index_t panel) {
      // The last one begins earlier, so as to be whole.
      const index_t rows = rows_of<T>(part, panel);
      const index_t skipped = packed_rows<T>(rows) - rows;
      const index_t row = part.row + panel * k_panel_rows<T> - skipped;
      return PanelEnd<T>{{g.A.data + row + part.k * g.A.ld, g.A.ld}, skipped};
    });
    return;
  }
  pack_round(g, part, packed);
  multiply_round(g, part, b, [&](index_t panel) {
    return PanelEnd<T>{{packed_at(part, packed, panel), packed_rows<T>(rows_of<T>(part, panel))}};
  });
}

/// C <- beta C.
template <class T>
void scale(const MatrixView<T>& C, T beta) {
  for (index_t j = 0; j < C.cols; ++j) {
    T* column = C.data + j * C.ld;
    if (beta == T(0)) {
      std::fill_n(column, C.rows, T(0));  // not 0·C, which would keep NaN
    } else if (beta != T(1)) {
      for (index_t i = 0; i < C.rows; ++i) column[i] *= beta;
    }
  }
}

void widen(const ConstMatrixView<BFloat16>& from, float* to) {
  parallel_for(from.cols, from.rows, [&](index_t j) {
    for (index_t i = 0; i < from.rows; ++i)
      to[i + j * from.rows] = to_float(from.data[i + j * from.ld]);
  });
}

}  // namespace

template <class T>
void execute(const Gemm<T>& g, Scratch& scratch) {
  constexpr index_t k_rows = k_panel_rows<T>;
  const index_t r = g.C.rows;
  const index_t inner = inner_size(g);
  if (r == 0 || g.C.cols == 0) return;
  if (inner == 0) return scale(g.C, g.beta);
  if (multiply_few(g)) return;
  const bool single = r < k_rows && !g.transpose_A;
  const index_t panels = single ? allowed_threads() : std::min(k_panels, (r + k_rows - 1) / k_rows);
  const index_t run = std::min(k_run, inner);
  const index_t panel_entries = panels * k_rows * run;
  const index_t groups = (g.C.cols + k_panel_columns - 1) / k_panel_columns;
  const index_t column_entries = packs_columns(g) ? groups * k_panel_columns * run : 0;
  T* packed = scratch.take<T>(static_cast<std::size_t>(panel_entries + column_entries));
  for (index_t k = 0; k < inner; k += k_run) {
    const index_t length = std::min(k_run, inner - k);
    const Source<T> b = columns_of(g, k, length, packed + panel_entries);
    if (single) {
      multiply_single_panel(g, {0, r, k, length}, b, packed);
      continue;
    }
    for (index_t row = 0; row < r; row += panels * k_rows)
      pack_and_multiply_round(g, {row, std::min(r - row, panels * k_rows), k, length}, b, packed);
  }
}

// There is no hardware for bfloat16 here: the product is made in float, of the rounded operands,
// for its numbers and not for speed.
void execute(const LowGemm& g, Scratch& scratch) {
  if (g.C.rows == 0 || g.C.cols == 0) return;
  const auto size_of = [](const auto& view) {
    return static_cast<std::size_t>(view.rows) * static_cast<std::size_t>(view.cols);
  };
  float* A = scratch.take<float>(size_of(g.A) + size_of(g.B));
  float* B = A + size_of(g.A);
  widen(g.A, A);
  widen(g.B, B);
  const Device device = g.C.device;
  const Gemm<float> gemm = {.A = {A, g.A.rows, g.A.cols, g.A.rows, device},
                            .B = {B, g.B.rows, g.B.cols, g.B.rows, device},
                            .C = g.C,
                            .transpose_A = g.transpose_A};
  execute(gemm, scratch.inner());  // the one at hand holds the operands
}

template void execute(const Gemm<float>&, Scratch&);
template void execute(const Gemm<double>&, Scratch&);

}  // namespace idl::cpu
