// SPDX-License-Identifier: MIT
#include "kernels/math/anderson.hpp"

#include <algorithm>

#include "idl/detail/column_status.hpp"
#include "idl/solver.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"

namespace idl::cpu {
namespace {

template <class T, std::size_t W>
struct ProductSums {
  LaneSums<T, W> d11, d12, d22, d1G, d2G;

  /// Entries of a full set of lanes. 4 reads.
  __attribute__((always_inline)) inline void add(const T* x, const T* y, const T* G1, const T* G2) {
    for (index_t p = 0; p < LaneSums<T, W>::k_packs; ++p) {
      const index_t at = p * LaneSums<T, W>::k_pack_lanes;
      Pack<T, W> g, d1, d2, other;
      load<T, W>(g, x + at);
      load<T, W>(other, y + at);
      g -= other;
      load<T, W>(other, G1 + at);
      d1 = g - other;
      load<T, W>(other, G2 + at);
      d2 = g - other;
      d11.sums[p] += d1 * d1;
      d12.sums[p] += d1 * d2;
      d22.sums[p] += d2 * d2;
      d1G.sums[p] += d1 * g;
      d2G.sums[p] += d2 * g;
    }
  }
};

/// G1 is of the newest point, G2 of the one before. The entries beyond the last full set of lanes
/// are taken with zeros after them, so that a column has the same products with and without.
template <class T, std::size_t W>
__attribute__((always_inline)) inline AndersonProducts<T> products_of(const T* x, const T* y,
                                                                      const T* G1, const T* G2,
                                                                      index_t n) {
  constexpr index_t k_lanes = LaneSums<T, W>::k_lanes;
  ProductSums<T, W> sums;
  index_t i = 0;
  for (; i + k_lanes <= n; i += k_lanes) sums.add(x + i, y + i, G1 + i, G2 + i);
  if (i < n) {
    T rest[4][64 / sizeof(T)] = {};
    std::copy(x + i, x + n, rest[0]);
    std::copy(y + i, y + n, rest[1]);
    std::copy(G1 + i, G1 + n, rest[2]);
    std::copy(G2 + i, G2 + n, rest[3]);
    sums.add(rest[0], rest[1], rest[2], rest[3]);
  }
  return {sums.d11.total(), sums.d12.total(), sums.d22.total(), sums.d1G.total(), sums.d2G.total()};
}

/// x, y <- F − γ₁(F − F1) − γ₂(F − F2); (F2, G2) <- (F, G). 4 reads and 4 writes. Points that are
/// not there yet are not looked at: their places may hold anything.
template <class T>
__attribute__((always_inline)) inline void mix_entries(T* __restrict x, T* __restrict y,
                                                       const T* __restrict F1, T* __restrict F2,
                                                       T* __restrict G2, index_t n,
                                                       AndersonWeights<T> weights,
                                                       std::int32_t points) {
  const auto take = [&](index_t i, T next) {
    const T F = x[i];
    F2[i] = F;
    G2[i] = F - y[i];
    x[i] = next;
    y[i] = next;
  };
  if (points < 1) {
    for (index_t i = 0; i < n; ++i) take(i, x[i]);
  } else if (points < 2) {
    for (index_t i = 0; i < n; ++i) take(i, x[i] - weights.newest * (x[i] - F1[i]));
  } else {
    for (index_t i = 0; i < n; ++i)
      take(i, x[i] - weights.newest * (x[i] - F1[i]) - weights.older * (x[i] - F2[i]));
  }
}

}  // namespace

template <class T>
void execute(const AndersonMix<T>& mix, Scratch&) {
  constexpr index_t k_passes = 3;
  const index_t n = mix.X.rows;
  const auto column_of = [](const MatrixView<T>& view, index_t j) {
    return view.data + j * view.ld;
  };
  parallel_for(mix.X.cols, n * k_passes, [&](index_t j) {
    if (mix.status.data[j] != k_running) return;
    const std::int32_t points = mix.iterations.data[j] == 1 ? 0 : mix.points.data[j];
    const bool even_next = points % 2 == 0;
    T* F_next = column_of(even_next ? mix.F_even : mix.F_odd, j);
    T* G_next = column_of(even_next ? mix.G_even : mix.G_odd, j);
    T* F_last = column_of(even_next ? mix.F_odd : mix.F_even, j);
    T* G_last = column_of(even_next ? mix.G_odd : mix.G_even, j);
    T* x = column_of(mix.X, j);
    T* y = column_of(mix.Y, j);
    const T step = mix.step_norms.data[j];
    if (anderson_rejects(points, step, mix.accepted.data[j], static_cast<T>(k_anderson_decrease))) {
      std::copy(F_last, F_last + n, x);
      std::copy(F_last, F_last + n, y);
      mix.points.data[j] = 0;
      mix.fallbacks.data[j] += 1;
      return;
    }
    with_widest_vectors([&](auto width) __attribute__((always_inline)) {
      AndersonWeights<T> weights{T(0), T(0)};
      if (points >= 1) {
        const T* G_older = points < 2 ? G_last : G_next;
        weights = anderson_weights(products_of<T, width()>(x, y, G_last, G_older, n), points);
      }
      mix_entries(x, y, F_last, F_next, G_next, n, weights, points);
    });
    mix.accepted.data[j] = step;
    mix.points.data[j] = points + 1;
  });
}

template void execute(const AndersonMix<float>&, Scratch&);
template void execute(const AndersonMix<double>&, Scratch&);

}  // namespace idl::cpu
