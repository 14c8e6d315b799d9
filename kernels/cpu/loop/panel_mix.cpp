// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/panel_mix.hpp"

#include <algorithm>

#include "idl/detail/column_status.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"
#include "kernels/loop_primitives.hpp"
#include "kernels/math/anderson.hpp"

namespace idl::cpu {
namespace {

constexpr index_t k_products = 5;
constexpr int k_rejected = -1;

template <class T, std::size_t W>
struct Products {
  Pack<T, W> sums[k_products];

  __attribute__((always_inline)) void operator+=(const Products& other) {
    for (index_t k = 0; k < k_products; ++k) sums[k] += other.sums[k];
  }
};

// d₁·d₁, d₁·d₂, d₂·d₂, d₁·G and d₂·G of a line of samples. Row i is added to partial sum i mod
// k_line_lanes, and halves of these are added to halves, as LaneSums does along a column.
template <class T, std::size_t W>
__attribute__((always_inline)) inline void add_products(const PanelHistory<T>& history,
                                                        index_t lane, T* products) {
  constexpr index_t k_pack_lanes = static_cast<index_t>(W / sizeof(T));
  for (index_t l = 0; l < k_line_lanes<T>; l += k_pack_lanes) {
    const auto partial = [&](index_t first, Products<T, W> & to) __attribute__((always_inline)) {
      to = {};
      for (index_t i = first; i < history.rows; i += k_line_lanes<T>) {
        const index_t at = i * history.stride + lane + l;
        Pack<T, W> g, d1, d2, other;
        load<T, W>(g, history.X + at);
        load<T, W>(other, history.Y + at);
        g -= other;
        load<T, W>(other, history.G_last + at);
        d1 = g - other;
        load<T, W>(other, history.G_next + at);
        d2 = g - other;
        to.sums[0] += d1 * d1;
        to.sums[1] += d1 * d2;
        to.sums[2] += d2 * d2;
        to.sums[3] += d1 * g;
        to.sums[4] += d2 * g;
      }
    };
    Products<T, W> total;
    add_halves<k_line_lanes<T>, 1>(0, partial, total);
    for (index_t k = 0; k < k_products; ++k)
      store<T, W>(total.sums[k], products + k * k_line_lanes<T> + l);
  }
}

// x, y <- what the sample goes on from; (F, G) <- (x, x − y). Points that are not there yet may be
// anything.
template <class T, std::size_t W>
__attribute__((always_inline)) inline void mix_line(const PanelHistory<T>& of, index_t lane,
                                                    const Magnitude<T>* known, const T* newest,
                                                    const T* older) {
  constexpr index_t k_pack_lanes = static_cast<index_t>(W / sizeof(T));
  const PanelHistory<T> history = of;
  for (index_t l = 0; l < k_line_lanes<T>; l += k_pack_lanes) {
    Pack<Magnitude<T>, W> points;
    load<Magnitude<T>, W>(points, known + l);
    Pack<T, W> by_newest, by_older;
    load<T, W>(by_newest, newest + l);
    load<T, W>(by_older, older + l);
    index_t at = lane + l;
    for (index_t i = 0; i < history.rows; ++i, at += history.stride) {
      Pack<T, W> F, F1, F2, y;
      load<T, W>(F, history.X + at);
      load<T, W>(F1, history.F_last + at);
      load<T, W>(F2, history.F_next + at);
      load<T, W>(y, history.Y + at);
      const Pack<T, W> by_one = F - by_newest * (F - F1);
      const Pack<T, W> by_two = by_one - by_older * (F - F2);
      Pack<T, W> next = points == 1 ? by_one : by_two;
      next = points == 0 ? F : next;
      next = points == k_rejected ? F1 : next;
      y = F - y;
      store<T, W>(F, history.F_next + at);
      store<T, W>(y, history.G_next + at);
      store<T, W>(next, history.X + at);
      store<T, W>(next, history.Y + at);
    }
  }
}

}  // namespace

template <class T>
PanelMix<T>::PanelMix(index_t lanes) : known_(static_cast<std::size_t>(lanes)) {}

template <class T>
void PanelMix<T>::judge(const PanelPoints<T>& vectors, index_t lanes) {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    const std::uint8_t* __restrict status = vectors.status;
    const std::int32_t* __restrict iterations = vectors.iterations;
    const T* __restrict steps = vectors.step_norms;
    T* __restrict accepted = vectors.accepted;
    std::int32_t* __restrict points = vectors.points;
    std::int32_t* __restrict fallbacks = vectors.fallbacks;
    Magnitude<T>* __restrict known = known_.data();
    // Without a branch, which would often be foreseen wrongly.
    for (index_t l = 0; l < lanes; ++l) {
      const std::int32_t before = iterations[l] == 1 ? 0 : points[l];
      const bool runs = status[l] == k_running;
      const bool rejects =
          anderson_rejects(before, steps[l], accepted[l], static_cast<T>(k_anderson_decrease));
      const std::int32_t kept = std::min(before, 2);
      const std::int32_t after = rejects ? 0 : before + 1;
      known[l] = runs ? (rejects ? k_rejected : kept) : 0;
      points[l] = runs ? after : points[l];
      fallbacks[l] += (runs & rejects) ? 1 : 0;
      accepted[l] = (runs & !rejects) ? steps[l] : accepted[l];
    }
  });
}

template <class T>
void PanelMix<T>::mix(const PanelHistory<T>& history, const PanelPoints<T>& vectors,
                      index_t lines) {
  judge(vectors, lines * k_line_lanes<T>);
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    for (index_t lane = 0; lane < lines * k_line_lanes<T>; lane += k_line_lanes<T>) {
      const Magnitude<T>* known = known_.data() + lane;
      T products[k_products * k_line_lanes<T>] = {};
      T newest[k_line_lanes<T>], older[k_line_lanes<T>];
      if (std::any_of(known, known + k_line_lanes<T>, [](Magnitude<T> k) { return k > 0; }))
        add_products<T, width()>(history, lane, products);
      for (index_t l = 0; l < k_line_lanes<T>; ++l) {
        const auto product = [&](index_t k) { return products[k * k_line_lanes<T> + l]; };
        const AndersonWeights<T> weights =
            anderson_weights<T>({product(0), product(1), product(2), product(3), product(4)},
                                static_cast<std::int32_t>(known[l]));
        newest[l] = weights.newest;
        older[l] = weights.older;
      }
      mix_line<T, width()>(history, lane, known, newest, older);
    }
  });
}

template class PanelMix<float>;
template class PanelMix<double>;

}  // namespace idl::cpu
