// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/magnitude.hpp"
#include "kernels/cpu/steps/sums.hpp"

namespace idl::cpu {
namespace {

template <class T, std::size_t W>
__attribute__((always_inline)) inline T one_norm(const T* x, index_t n) {
  using Sums = LaneSums<T, W>;
  Sums sums;
  index_t i = 0;
  for (; i + Sums::k_lanes <= n; i += Sums::k_lanes) {
    for (index_t p = 0; p < Sums::k_packs; ++p) {
      Pack<T, W> pack;
      load<T, W>(pack, x + i + p * Sums::k_pack_lanes);
      make_absolute<T, W>(pack);
      sums.sums[p] += pack;
    }
  }
  T norm = sums.total();
  for (; i < n; ++i) norm += std::abs(x[i]);
  return norm;
}

template <class T>
__attribute__((always_inline)) inline T inf_norm(const T* x, index_t n) {
  Magnitude<T> largest = 0;
  for (index_t i = 0; i < n; ++i) {
    const Magnitude<T> size = magnitude(x[i]);
    largest = size > largest ? size : largest;
  }
  return from_magnitude<T>(largest);
}

/// Its sums are taken in double.
template <class T>
T weighted_norm(const T* x, const T* weights, index_t n, NormKind kind) {
  double sum = 0;
  Magnitude<T> largest = 0;
  for (index_t i = 0; i < n; ++i) {
    const T weighted = weights[i] * x[i];
    sum += std::abs(static_cast<double>(weighted));
    largest = std::max(largest, magnitude(weighted));
  }
  return kind == NormKind::one ? static_cast<T>(sum) : from_magnitude<T>(largest);
}

}  // namespace

template <class T>
void execute(const ColumnNorms<T>& norms, Scratch&) {
  parallel_for(norms.X.cols, norms.X.rows, [&](index_t j) {
    const T* x = norms.X.data + j * norms.X.ld;
    T* norm = norms.norms.data + j;
    const index_t n = norms.X.rows;
    const NormKind kind = norms.kind;
    if (norms.weights.size > 0) {
      *norm = weighted_norm(x, norms.weights.data, n, kind);
      return;
    }
    with_widest_vectors([=](auto width) __attribute__((always_inline)) {
      *norm = kind == NormKind::one ? one_norm<T, width()>(x, n) : inf_norm(x, n);
    });
  });
}

template void execute(const ColumnNorms<float>&, Scratch&);
template void execute(const ColumnNorms<double>&, Scratch&);

}  // namespace idl::cpu
