// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "idl/cuda/device/pack.cuh"
#include "idl/cuda/launch.cuh"
#include "idl/matrix.hpp"

/// Kernels that treat the entries of matrices one by one: one thread per pack of N rows.
namespace idl::cuda {

inline constexpr int k_entry_threads = 256;

/// Rows [row, row + count) of column `col`; count == 0 for threads beyond the last pack.
struct EntrySpan {
  index_t row;
  index_t col;
  int count;
};

/// Row and column of entry `number` of a matrix of so many rows, numbered down its columns.
struct EntryPlace {
  index_t row;
  index_t col;
};
/// `is_short`: both numbers are known to have 32 bits; divisions of 64 cost several times as much.
__device__ inline EntryPlace entry_place(index_t number, index_t rows, bool is_short) {
  if (!is_short) return {number % rows, number / rows};
  const auto short_number = static_cast<std::uint32_t>(number);
  const auto short_rows = static_cast<std::uint32_t>(rows);
  return {short_number % short_rows, short_number / short_rows};
}
inline constexpr index_t k_most_short = 0xffffffff;

/// The packs of a matrix, numbered down the columns. A column's last pack may be short.
template <int N>
struct Entries {
  index_t rows = 0;
  index_t packs_per_column = 0;
  index_t packs = 0;

  Entries(index_t row_count, index_t col_count)
      : rows(row_count),
        packs_per_column((row_count + N - 1) / N),
        packs(packs_per_column * col_count) {}

  __device__ EntrySpan span() const {
    const index_t pack = static_cast<index_t>(blockIdx.x) * k_entry_threads + threadIdx.x;
    if (pack >= packs) return {0, 0, 0};
    const EntryPlace place = entry_place(pack, packs_per_column, packs <= k_most_short);
    const index_t row = place.row * N;
    const index_t left = rows - row;
    return {row, place.col, left < N ? static_cast<int>(left) : N};
  }

  LaunchShape shape() const { return one_thread_each(packs, k_entry_threads); }
};

/// Where a span starts in a view.
template <class View>
__device__ inline auto* entry_of(const View& view, const EntrySpan& at) {
  return view.data + at.row + at.col * view.ld;
}

/// Gives matrices whose columns follow each other without gaps as one long column, so that packs
/// reach over the ends of columns.
template <class First, class... Views>
void join_columns(First& first, Views&... views) {
  const bool gapless = first.ld == first.rows && ((views.ld == views.rows) && ...);
  if (!gapless || first.cols <= 1) return;
  const auto join = [](auto& view) {
    view.rows *= view.cols;
    view.ld = view.rows;
    view.cols = 1;
  };
  join(first);
  (join(views), ...);
}

}  // namespace idl::cuda
