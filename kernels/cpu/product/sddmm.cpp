// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"

// Rows of V and X are far apart in memory, so k_samples columns at a time are transposed into
// scratch; then an entry of the pattern is a scalar product of two contiguous pieces.
namespace idl::cpu {
namespace {

constexpr index_t k_samples = 64;
constexpr index_t k_sampled_rows = 64;

// to(i, :) <- X(i, first..first+count), padded with zeros to k_samples.
template <class T>
void transpose(const ConstMatrixView<T>& X, index_t first, index_t count, T* to) {
  const index_t blocks = (X.rows + k_sampled_rows - 1) / k_sampled_rows;
  parallel_for(blocks, k_sampled_rows * k_samples, [&](index_t block) {
    const index_t begin = block * k_sampled_rows;
    const index_t end = std::min(X.rows, begin + k_sampled_rows);
    for (index_t j = 0; j < k_samples; ++j) {
      for (index_t i = begin; i < end; ++i) {
        to[i * k_samples + j] = j < count ? X.data[i + (first + j) * X.ld] : T(0);
      }
    }
  });
}

// values <- or += the products of k_samples pairs for the entries of row i.
template <class T, std::size_t W>
__attribute__((always_inline)) inline void row_products(const CsrView<T>& P, index_t i, const T* v,
                                                        const T* x, bool first) {
  using Sums = LaneSums<T, W>;
  for (std::int64_t e = P.row_offsets[i]; e < P.row_offsets[i + 1]; ++e) {
    const T* partner = x + P.col_indices[e] * k_samples;
    Sums sums;
    for (index_t at = 0; at < k_samples; at += Sums::k_lanes) {
      for (index_t p = 0; p < Sums::k_packs; ++p) {
        Pack<T, W> a, b;
        load<T, W>(a, v + at + p * Sums::k_pack_lanes);
        load<T, W>(b, partner + at + p * Sums::k_pack_lanes);
        sums.sums[p] += a * b;
      }
    }
    P.values[e] = (first ? T(0) : P.values[e]) + sums.total();
  }
}

}  // namespace

template <class T>
void execute(const Sddmm<T>& s, Scratch& scratch) {
  const CsrView<T>& P = s.P;
  if (P.rows == 0) return;
  if (s.V.cols == 0) std::fill(P.values + P.row_offsets[0], P.values + P.row_offsets[P.rows], T(0));
  T* v = scratch.take<T>(static_cast<std::size_t>((s.V.rows + s.X.rows) * k_samples));
  T* x = v + s.V.rows * k_samples;
  const index_t work = (P.row_offsets[P.rows] / P.rows + 1) * k_samples;
  for (index_t first = 0; first < s.V.cols; first += k_samples) {
    const index_t count = std::min(k_samples, s.V.cols - first);
    transpose(s.V, first, count, v);
    transpose(s.X, first, count, x);
    parallel_for(P.rows, work, [&](index_t i) {
      with_widest_vectors([&](auto width) __attribute__((always_inline)) {
        row_products<T, width()>(P, i, v + i * k_samples, x, first == 0);
      });
    });
  }
}

template void execute(const Sddmm<float>&, Scratch&);
template void execute(const Sddmm<double>&, Scratch&);

}  // namespace idl::cpu
