// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "idl/csr_matrix.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

/// Samples that lie in rows, so that those of one state are neighbours: a tile of them is taken
/// through all states by one thread.
namespace idl::cpu {

inline constexpr index_t k_tile_samples = 64;

/// body(first sample, sample count <= k_tile_samples) for all tiles; each sample costs `work_each`.
template <class F>
void for_each_sample_tile(index_t samples, index_t work_each, const F& body) {
  const index_t tiles = (samples + k_tile_samples - 1) / k_tile_samples;
  parallel_for(tiles, work_each * k_tile_samples, [&](index_t tile) {
    const index_t first = tile * k_tile_samples;
    body(first, std::min(k_tile_samples, samples - first));
  });
}

/// sums_j <- Σ_k A_ik B_jk for the samples j of B, entries from left to right.
template <class T>
void multiply_row(const ConstCsrView<T>& A, index_t i, const ConstMatrixView<T>& B, T* sums) {
  std::fill(sums, sums + B.rows, T(0));
  for (std::int64_t e = A.row_offsets[i]; e < A.row_offsets[i + 1]; ++e) {
    const T a = A.values[e];
    const T* b = B.data + A.col_indices[e] * B.ld;
    for (index_t j = 0; j < B.rows; ++j) sums[j] += a * b[j];
  }
}

}  // namespace idl::cpu
