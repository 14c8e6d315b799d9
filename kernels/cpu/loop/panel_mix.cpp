// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/panel_mix.hpp"

#include <algorithm>

#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"
#include "kernels/loop_primitives.hpp"
#include "kernels/math/anderson.hpp"
#include "kernels/math/column_status.hpp"

namespace idl::cpu {
namespace {

constexpr index_t k_products = 5;
constexpr std::int32_t k_rejected = -1;

// d₁·d₁, d₁·d₂, d₂·d₂, d₁·G and d₂·G of a line of samples. Row i is added to partial sum i mod
// k_line_lanes, and halves of these are added to halves, as LaneSums does along a column.
template <class T, std::size_t W>
__attribute__((always_inline)) inline void add_products(const PanelHistory<T>& history,
                                                        index_t lane, T* products) {
  constexpr index_t k_pack_lanes = static_cast<index_t>(W / sizeof(T));
  for (index_t partial = 0; partial < k_line_lanes<T>; ++partial) {
    for (index_t l = 0; l < k_line_lanes<T>; l += k_pack_lanes) {
      Pack<T, W> sums[k_products] = {};
      for (index_t i = partial; i < history.rows; i += k_line_lanes<T>) {
        const index_t at = i * history.stride + lane + l;
        Pack<T, W> g, d1, d2, other;
        load<T, W>(g, history.X + at);
        load<T, W>(other, history.Y + at);
        g -= other;
        load<T, W>(other, history.G_last + at);
        d1 = g - other;
        load<T, W>(other, history.G_next + at);
        d2 = g - other;
        sums[0] += d1 * d1;
        sums[1] += d1 * d2;
        sums[2] += d2 * d2;
        sums[3] += d1 * g;
        sums[4] += d2 * g;
      }
      for (index_t k = 0; k < k_products; ++k)
        store<T, W>(sums[k], products + (partial * k_products + k) * k_line_lanes<T> + l);
    }
  }
  constexpr index_t k_row = k_products * k_line_lanes<T>;
  for (index_t half = k_line_lanes<T> / 2; half > 0; half /= 2)
    for (index_t k = 0; k < half * k_row; ++k) products[k] += products[k + half * k_row];
}

// x, y <- what the sample goes on from; (F, G) <- (x, x − y).
template <class T>
__attribute__((always_inline)) inline void mix_line(const PanelHistory<T>& history, index_t lane,
                                                    const std::int32_t* known, const T* newest,
                                                    const T* older) {
  for (index_t i = 0; i < history.rows; ++i) {
    const index_t at = i * history.stride + lane;
    T* __restrict x = history.X + at;
    T* __restrict y = history.Y + at;
    const T* __restrict F1 = history.F_last + at;
    T* __restrict F2 = history.F_next + at;
    T* __restrict G2 = history.G_next + at;
    for (index_t l = 0; l < k_line_lanes<T>; ++l) {
      const T F = x[l];
      const T by_one = F - newest[l] * (F - F1[l]);
      const T by_two = by_one - older[l] * (F - F2[l]);
      T next = known[l] == 1 ? by_one : by_two;
      next = known[l] == 0 ? F : next;
      next = known[l] == k_rejected ? F1[l] : next;
      F2[l] = F;
      G2[l] = F - y[l];
      x[l] = next;
      y[l] = next;
    }
  }
}

}  // namespace

template <class T>
PanelMix<T>::PanelMix(index_t lanes)
    : known_(static_cast<std::size_t>(lanes)),
      newest_(known_.size()),
      older_(known_.size()),
      products_(static_cast<std::size_t>(k_products * k_line_lanes<T> * k_line_lanes<T>)) {}

template <class T>
void PanelMix<T>::judge(const PanelPoints<T>& vectors, index_t lanes) {
  for (index_t l = 0; l < lanes; ++l) {
    std::int32_t& known = known_[static_cast<std::size_t>(l)];
    known = 0;
    if (vectors.status[l] != k_running) continue;
    const std::int32_t points = vectors.iterations[l] == 1 ? 0 : vectors.points[l];
    if (anderson_rejects(points, vectors.step_norms[l], vectors.accepted[l],
                         static_cast<T>(k_anderson_decrease))) {
      known = k_rejected;
      vectors.points[l] = 0;
      vectors.fallbacks[l] += 1;
    } else {
      known = std::min(points, 2);
      vectors.accepted[l] = vectors.step_norms[l];
      vectors.points[l] = points + 1;
    }
  }
}

template <class T>
void PanelMix<T>::mix(const PanelHistory<T>& history, const PanelPoints<T>& vectors,
                      index_t lines) {
  judge(vectors, lines * k_line_lanes<T>);
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    for (index_t lane = 0; lane < lines * k_line_lanes<T>; lane += k_line_lanes<T>) {
      const std::int32_t* known = known_.data() + lane;
      T* newest = newest_.data() + lane;
      T* older = older_.data() + lane;
      T* products = products_.data();
      if (std::any_of(known, known + k_line_lanes<T>, [](std::int32_t k) { return k > 0; }))
        add_products<T, width()>(history, lane, products);
      for (index_t l = 0; l < k_line_lanes<T>; ++l) {
        const auto product = [&](index_t k) { return products[k * k_line_lanes<T> + l]; };
        const AndersonWeights<T> weights = anderson_weights<T>(
            {product(0), product(1), product(2), product(3), product(4)}, known[l]);
        newest[l] = weights.newest;
        older[l] = weights.older;
      }
      mix_line(history, lane, known, newest, older);
    }
  });
}

template class PanelMix<float>;
template class PanelMix<double>;

}  // namespace idl::cpu
