// SPDX-License-Identifier: MIT
#include "kernels/cpu/product/lanes.hpp"

#include <algorithm>
#include <cstddef>

#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"

namespace idl::cpu {
namespace {

// Rows that are moved at a time: their lines stay in the first-level cache from lane to lane.
constexpr index_t k_moved_rows = 64;
// Samples that are moved together where their lanes are neighbours.
constexpr std::size_t k_together = 4;
constexpr auto k_step = static_cast<index_t>(k_together);

// Whether four lanes from the k-th on are neighbours.
bool are_neighbours(std::span<const index_t> lanes, std::size_t k) {
  return k + k_together <= lanes.size() &&
         lanes[k + k_together - 1] - lanes[k] == static_cast<index_t>(k_together) - 1;
}

// to[i][j] <- from[j][i], 4×4, in vectors of 16 bytes, which every processor has.
void transpose_four(const float* const (&from)[k_together], float* const (&to)[k_together]) {
  using Four = Pack<float, 16>;
  Four a, b, c, d;
  load<float, 16>(a, from[0]);
  load<float, 16>(b, from[1]);
  load<float, 16>(c, from[2]);
  load<float, 16>(d, from[3]);
  const Four low_ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Four low_cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four high_ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four high_cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store<float, 16>(__builtin_shufflevector(low_ab, low_cd, 0, 1, 4, 5), to[0]);
  store<float, 16>(__builtin_shufflevector(low_ab, low_cd, 2, 3, 6, 7), to[1]);
  store<float, 16>(__builtin_shufflevector(high_ab, high_cd, 0, 1, 4, 5), to[2]);
  store<float, 16>(__builtin_shufflevector(high_ab, high_cd, 2, 3, 6, 7), to[3]);
}

void transpose_four(const double* const (&from)[k_together], double* const (&to)[k_together]) {
  for (std::size_t j = 0; j < k_together; j += 2)
    for (std::size_t i = 0; i < k_together; i += 2) {
      Pack<double, 16> a, b;
      load<double, 16>(a, from[j] + i);
      load<double, 16>(b, from[j + 1] + i);
      store<double, 16>(__builtin_shufflevector(a, b, 0, 2), to[i] + j);
      store<double, 16>(__builtin_shufflevector(a, b, 1, 3), to[i + 1] + j);
    }
}

template <class T>
void move_in(const T* const* columns, T* to, index_t stride, index_t begin, index_t end) {
  const T *a = columns[0], *b = columns[1], *c = columns[2], *d = columns[3];
  index_t i = begin;
  for (; i + k_step <= end; i += k_step) {
    T* row = to + i * stride;
    transpose_four({a + i, b + i, c + i, d + i},
                   {row, row + stride, row + 2 * stride, row + 3 * stride});
  }
  for (; i < end; ++i) {
    const T row[k_together] = {a[i], b[i], c[i], d[i]};
    std::copy_n(row, k_together, to + i * stride);
  }
}

template <class T>
void move_out(const T* from, index_t stride, T* const* columns, index_t begin, index_t end) {
  T *a = columns[0], *b = columns[1], *c = columns[2], *d = columns[3];
  index_t i = begin;
  for (; i + k_step <= end; i += k_step) {
    const T* row = from + i * stride;
    transpose_four({row, row + stride, row + 2 * stride, row + 3 * stride},
                   {a + i, b + i, c + i, d + i});
  }
  for (; i < end; ++i) {
    const T* row = from + i * stride;
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
  for (index_t begin = 0; begin < rows; begin += k_moved_rows) {
    const index_t end = std::min(rows, begin + k_moved_rows);
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
  for (index_t begin = 0; begin < rows; begin += k_moved_rows) {
    const index_t end = std::min(rows, begin + k_moved_rows);
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

template <class T>
void samples_to_lanes(const ConstMatrixView<T>& X, SamplePanel<T> panel) {
  for (index_t begin = 0; begin < X.rows; begin += k_moved_rows) {
    const index_t end = std::min(X.rows, begin + k_moved_rows);
    index_t j = 0;
    for (; j + k_step <= X.cols; j += k_step) {
      const T* first = X.data + j * X.ld;
      const T* columns[k_together] = {first, first + X.ld, first + 2 * X.ld, first + 3 * X.ld};
      move_in(columns, panel.data + j, panel.stride, begin, end);
    }
    for (; j < X.cols; ++j)
      for (index_t i = begin; i < end; ++i) panel.data[i * panel.stride + j] = X.data[i + j * X.ld];
    if (X.cols == panel.stride) continue;
    for (index_t i = begin; i < end; ++i)
      std::fill_n(panel.data + i * panel.stride + X.cols, panel.stride - X.cols, T(0));
  }
}

template <class T>
void lanes_to_samples(SamplePanel<const T> panel, const MatrixView<T>& X) {
  for (index_t begin = 0; begin < X.rows; begin += k_moved_rows) {
    const index_t end = std::min(X.rows, begin + k_moved_rows);
    index_t j = 0;
    for (; j + k_step <= X.cols; j += k_step) {
      T* first = X.data + j * X.ld;
      T* columns[k_together] = {first, first + X.ld, first + 2 * X.ld, first + 3 * X.ld};
      move_out(panel.data + j, panel.stride, columns, begin, end);
    }
    for (; j < X.cols; ++j)
      for (index_t i = begin; i < end; ++i) X.data[i + j * X.ld] = panel.data[i * panel.stride + j];
  }
}

template void samples_to_lanes(const ConstMatrixView<float>&, SamplePanel<float>);
template void samples_to_lanes(const ConstMatrixView<double>&, SamplePanel<double>);
template void lanes_to_samples(SamplePanel<const float>, const MatrixView<float>&);
template void lanes_to_samples(SamplePanel<const double>, const MatrixView<double>&);
template void columns_to_lanes(std::span<const float* const>, std::span<const index_t>, index_t,
                               SamplePanel<float>);
template void columns_to_lanes(std::span<const double* const>, std::span<const index_t>, index_t,
                               SamplePanel<double>);
template void lanes_to_columns(SamplePanel<const float>, std::span<const index_t>, index_t,
                               std::span<float* const>);
template void lanes_to_columns(SamplePanel<const double>, std::span<const index_t>, index_t,
                               std::span<double* const>);

}  // namespace idl::cpu
