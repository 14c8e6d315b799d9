// SPDX-License-Identifier: MIT
#include "kernels/cpu/product/lanes.hpp"

#include <algorithm>
#include <cstddef>

namespace idl::cpu {
namespace {

// Rows that are moved at a time: their lines stay in the first-level cache from lane to lane.
constexpr index_t k_rows = 64;
// Samples that are moved together where their lanes are neighbours.
constexpr std::size_t k_together = 4;

// Whether four lanes from the k-th on are neighbours.
bool are_neighbours(std::span<const index_t> lanes, std::size_t k) {
  return k + k_together <= lanes.size() &&
         lanes[k + k_together - 1] - lanes[k] == static_cast<index_t>(k_together) - 1;
}

template <class T>
void move_in(const T* const* columns, T* to, index_t stride, index_t begin, index_t end) {
  const T *a = columns[0], *b = columns[1], *c = columns[2], *d = columns[3];
  for (index_t i = begin; i < end; ++i) {
    const T row[k_together] = {a[i], b[i], c[i], d[i]};
    std::copy_n(row, k_together, to + i * stride);
  }
}

template <class T>
void move_out(const T* from, index_t stride, T* const* columns, index_t begin, index_t end) {
  T *a = columns[0], *b = columns[1], *c = columns[2], *d = columns[3];
  for (index_t i = begin; i < end; ++i) {
    T row[k_together];
    std::copy_n(from + i * stride, k_together, row);
    a[i] = row[0];
    b[i] = row[1];
    c[i] = row[2];
    d[i] = row[3];
  }
}

}  // namespace

template <class T>
void columns_to_lanes(std::span<const T* const> columns, std::span<const index_t> lanes,
                      index_t rows, SamplePanel<T> panel) {
  for (index_t begin = 0; begin < rows; begin += k_rows) {
    const index_t end = std::min(rows, begin + k_rows);
    for (std::size_t k = 0; k < lanes.size(); ++k) {
      T* to = panel.data + lanes[k];
      if (are_neighbours(lanes, k)) {
        move_in(columns.data() + k, to, panel.stride, begin, end);
        k += k_together - 1;
        continue;
      }
      for (index_t i = begin; i < end; ++i) to[i * panel.stride] = columns[k][i];
    }
  }
}

template <class T>
void lanes_to_columns(SamplePanel<const T> panel, std::span<const index_t> lanes, index_t rows,
                      std::span<T* const> columns) {
  for (index_t begin = 0; begin < rows; begin += k_rows) {
    const index_t end = std::min(rows, begin + k_rows);
    for (std::size_t k = 0; k < lanes.size(); ++k) {
      const T* from = panel.data + lanes[k];
      if (are_neighbours(lanes, k)) {
        move_out(from, panel.stride, columns.data() + k, begin, end);
        k += k_together - 1;
        continue;
      }
      for (index_t i = begin; i < end; ++i) columns[k][i] = from[i * panel.stride];
    }
  }
}

template void columns_to_lanes(std::span<const float* const>, std::span<const index_t>, index_t,
                               SamplePanel<float>);
template void columns_to_lanes(std::span<const double* const>, std::span<const index_t>, index_t,
                               SamplePanel<double>);
template void lanes_to_columns(SamplePanel<const float>, std::span<const index_t>, index_t,
                               std::span<float* const>);
template void lanes_to_columns(SamplePanel<const double>, std::span<const index_t>, index_t,
                               std::span<double* const>);

}  // namespace idl::cpu
