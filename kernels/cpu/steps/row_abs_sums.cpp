// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstddef>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"

namespace idl::cpu {
namespace {

// Rows that one task takes; columns whose sums are made in the element type and then added up in
// double: to convert each entry takes four times as long.
constexpr index_t k_task_rows = 128;
constexpr index_t k_run_columns = 32;
constexpr std::size_t k_most_packs = 8;

// Over the columns from left to right, in `Packs` packs of rows. The last pack begins earlier, so
// as to be whole, and makes some sums again.
template <class T, std::size_t W, std::size_t Packs>
__attribute__((always_inline)) inline void sum_packs(const T* a, index_t ld, index_t rows,
                                                     index_t cols, T* sums) {
  constexpr std::size_t k_lanes = W / sizeof(T);
  const auto at = [rows](std::size_t p) {
    return p + 1 < Packs ? static_cast<index_t>(p * k_lanes) : rows - static_cast<index_t>(k_lanes);
  };
  double totals[Packs][k_lanes] = {};
  for (index_t first = 0; first < cols; first += k_run_columns) {
    const index_t end = std::min(cols, first + k_run_columns);
    Pack<T, W> acc[Packs] = {};
    for (index_t j = first; j < end; ++j) {
      for (std::size_t p = 0; p < Packs; ++p) {
        Pack<T, W> entries;
        load<T, W>(entries, a + j * ld + at(p));
        make_absolute<T, W>(entries);
        acc[p] += entries;
      }
    }
    for (std::size_t p = 0; p < Packs; ++p) {
      T of_run[k_lanes];
      store<T, W>(acc[p], of_run);
      for (std::size_t l = 0; l < k_lanes; ++l) totals[p][l] += static_cast<double>(of_run[l]);
    }
  }
  for (std::size_t p = 0; p < Packs; ++p) {
    T* to = sums + at(p);
    for (std::size_t l = 0; l < k_lanes; ++l) to[l] = static_cast<T>(totals[p][l]);
  }
}

// `packs` is at most Packs.
template <class T, std::size_t W, std::size_t Packs>
__attribute__((always_inline)) inline void sum_tile(index_t packs, const T* a, index_t ld,
                                                    index_t rows, index_t cols, T* sums) {
  if constexpr (Packs > 1) {
    if (packs < static_cast<index_t>(Packs))
      return sum_tile<T, W, Packs - 1>(packs, a, ld, rows, cols, sums);
  }
  sum_packs<T, W, Packs>(a, ld, rows, cols, sums);
}

// In packs of W bytes, or, where the rows do not fill one, in narrower ones: no more than
// MostPacks.
template <class T, std::size_t W, std::size_t MostPacks>
__attribute__((always_inline)) inline void sum_rows(const T* a, index_t ld, index_t rows,
                                                    index_t cols, T* sums) {
  constexpr auto k_lanes = static_cast<index_t>(W / sizeof(T));
  if constexpr (k_lanes > 1) {
    if (rows < k_lanes) {
      constexpr std::size_t k_narrower = W > 16 ? W / 2 : sizeof(T);
      return sum_rows<T, k_narrower, W / k_narrower>(a, ld, rows, cols, sums);
    }
  }
  const index_t packs = (rows + k_lanes - 1) / k_lanes;
  constexpr auto k_packs = static_cast<index_t>(MostPacks);
  for (index_t first = 0; first < packs; first += k_packs) {
    const index_t count = std::min(k_packs, packs - first);
    // A tile that is a part of a pack begins earlier.
    const index_t row = std::min(first * k_lanes, rows - k_lanes);
    sum_tile<T, W, MostPacks>(count, a + row, ld, std::min((first + count) * k_lanes, rows) - row,
                              cols, sums + row);
  }
}

// The same with weights, all sums in double: seldom, and of few columns.
template <class T>
void weighted_sum_rows(const RowAbsSums<T>& r, index_t first, index_t rows) {
  double totals[k_task_rows] = {};
  for (index_t j = 0; j < r.A.cols; ++j) {
    const T* a = r.A.data + first + j * r.A.ld;
    const auto weight = static_cast<double>(r.weights.data[j]);
    for (index_t i = 0; i < rows; ++i) totals[i] += std::abs(static_cast<double>(a[i]) * weight);
  }
  for (index_t i = 0; i < rows; ++i) r.sums.data[first + i] = static_cast<T>(totals[i]);
}

}  // namespace

template <class T>
void execute(const RowAbsSums<T>& r, Scratch&) {
  const index_t tasks = (r.A.rows + k_task_rows - 1) / k_task_rows;
  parallel_for(tasks, k_task_rows * r.A.cols, [&](index_t task) {
    const index_t first = task * k_task_rows;
    const index_t rows = std::min(k_task_rows, r.A.rows - first);
    if (r.weights.size > 0) return weighted_sum_rows(r, first, rows);
    with_widest_vectors([&](auto width) __attribute__((always_inline)) {
      sum_rows<T, width(), k_most_packs>(r.A.data + first, r.A.ld, rows, r.A.cols,
                                         r.sums.data + first);
    });
  });
}

template void execute(const RowAbsSums<float>&, Scratch&);
template void execute(const RowAbsSums<double>&, Scratch&);

}  // namespace idl::cpu
