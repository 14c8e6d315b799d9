// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/cpu/product/lanes.hpp"
#include "kernels/cpu/product/sparse_rows.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

// Rows of V and X are far apart in memory, so some columns at a time are packed side by side; then
// an entry of the pattern is a scalar product of two contiguous pieces.
namespace idl::cpu {
namespace {

constexpr index_t k_packed_rows = 64;

template <class T>
void pack(const ConstMatrixView<T>& samples, SamplePanel<T> panel) {
  const index_t blocks = (samples.rows + k_packed_rows - 1) / k_packed_rows;
  parallel_for(blocks, k_packed_rows * panel.stride, [&](index_t block) {
    const index_t row = block * k_packed_rows;
    samples_to_lanes<T>(samples.row_range(row, std::min(k_packed_rows, samples.rows - row)),
                        {panel.data + row * panel.stride, panel.stride});
  });
}

// Where so many of all entries are stored, dense products are made in less time, of which the
// stored ones are taken.
constexpr double k_least_dense = 0.4;
constexpr index_t k_dense_rows = 256;

template <class T>
bool is_nearly_dense(const CsrView<T>& P) {
  const auto entries = static_cast<double>(P.row_offsets[P.rows] - P.row_offsets[0]);
  return entries >= k_least_dense * static_cast<double>(P.rows) * static_cast<double>(P.cols);
}

// Some rows at a time, each contiguous in X Vᵀ.
template <class T>
void multiply_dense(const Sddmm<T>& s, Scratch& scratch) {
  const CsrView<T>& P = s.P;
  const index_t ld = P.cols + k_line_lanes<T>;
  T* products = scratch.take<T>(static_cast<std::size_t>(std::min(P.rows, k_dense_rows) * ld));
  for (index_t first = 0; first < P.rows; first += k_dense_rows) {
    const index_t count = std::min(k_dense_rows, P.rows - first);
    execute(Gemm<T>{.A = s.X,
                    .B = s.V.row_range(first, count),
                    .C = {products, P.cols, count, ld, s.X.device},
                    .transpose_B = true},
            scratch.inner());
    parallel_for(count, P.cols, [&](index_t i) {
      const T* row = products + i * ld;
      const std::int64_t end = P.row_offsets[first + i + 1];
      for (std::int64_t e = P.row_offsets[first + i]; e < end; ++e)
        P.values[e] = row[P.col_indices[e]];
    });
  }
}

}  // namespace

template <class T>
void execute(const Sddmm<T>& s, Scratch& scratch) {
  const CsrView<T>& P = s.P;
  if (P.rows == 0 || P.cols == 0) return;
  if (is_nearly_dense(P)) return multiply_dense(s, scratch);
  const index_t samples = s.V.cols;
  if (samples == 0) std::fill(P.values + P.row_offsets[0], P.values + P.row_offsets[P.rows], T(0));
  const index_t all_lines = (samples + k_line_lanes<T> - 1) / k_line_lanes<T>;
  const index_t lanes = std::min(all_lines, k_most_product_lines) * k_line_lanes<T>;
  T* v = scratch.take<T>(static_cast<std::size_t>((s.V.rows + s.X.rows) * lanes));
  T* x = v + s.V.rows * lanes;
  const index_t work = (P.row_offsets[P.rows] / P.rows + 1) * lanes;
  for (index_t first = 0; first < samples; first += lanes) {
    const index_t count = std::min(lanes, samples - first);
    const index_t lines = (count + k_line_lanes<T> - 1) / k_line_lanes<T>;
    pack<T>(s.V.columns(first, count), {v, lanes});
    pack<T>(s.X.columns(first, count), {x, lanes});
    parallel_for(P.rows, work, [&](index_t i) {
      row_products<T>(P, i, v + i * lanes, {x, lanes}, lines, first > 0);
    });
  }
}

template void execute(const Sddmm<float>&, Scratch&);
template void execute(const Sddmm<double>&, Scratch&);

}  // namespace idl::cpu
