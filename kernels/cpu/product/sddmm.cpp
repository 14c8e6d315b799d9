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

}  // namespace

template <class T>
void execute(const Sddmm<T>& s, Scratch& scratch) {
  const CsrView<T>& P = s.P;
  if (P.rows == 0) return;
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
