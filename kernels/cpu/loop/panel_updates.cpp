// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/panel_updates.hpp"

#include <algorithm>
#include <type_traits>

#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/activation_loops.hpp"
#include "kernels/cpu/steps/sums.hpp"

namespace idl::cpu {
namespace {

// One line of samples: x <- φ(s + z), with the norms in registers. make(r, s, z, next) makes φ of a
// row.
template <class T, std::size_t W, class Make>
__attribute__((always_inline)) inline void update_line(const PanelRows<T>& rows, index_t lane,
                                                       const Make& make, Magnitude<T>* step,
                                                       Magnitude<T>* state) {
  constexpr std::size_t k_packs = 64 / W;
  constexpr std::size_t k_pack_lanes = W / sizeof(T);
  Magnitudes<T, W> steps[k_packs], states[k_packs];
  for (std::size_t p = 0; p < k_packs; ++p) {
    load<Magnitude<T>, W>(steps[p], step + p * k_pack_lanes);
    load<Magnitude<T>, W>(states[p], state + p * k_pack_lanes);
  }
  const T* s = rows.product + lane;
  const T* z = rows.given[0] + lane;
  const T* old = rows.old + lane;
  T* to = rows.next + lane;
  // A store could change `rows`, as far as the compiler knows.
  const index_t stride = rows.stride;
  const index_t count = rows.count;
  for (index_t r = 0; r < count; ++r, s += stride, z += stride, old += stride, to += stride) {
    T next[k_line_lanes<T>];
    make(r, s, z, next);
    for (std::size_t p = 0; p < k_packs; ++p) {
      Pack<T, W> x, change;
      load<T, W>(x, next + p * k_pack_lanes);
      load<T, W>(change, old + p * k_pack_lanes);
      change = x - change;
      store<T, W>(x, to + p * k_pack_lanes);
      join<T, W>(steps[p], change);
      join<T, W>(states[p], x);
    }
  }
  for (std::size_t p = 0; p < k_packs; ++p) {
    std::memcpy(step + p * k_pack_lanes, &steps[p], W);
    std::memcpy(state + p * k_pack_lanes, &states[p], W);
  }
}

/// φ as it is compiled into the loop.
template <class Phi>
struct MakeRow {
  Phi phi;
  template <class T>
  __attribute__((always_inline)) void operator()(index_t, const T* s, const T* z, T* next) const {
// Unrolled, a short φ becomes so many numbers in no vector.
#pragma GCC unroll 1
    for (index_t l = 0; l < k_line_lanes<T>; ++l) next[l] = phi(s[l] + z[l]);
  }
};

/// φ of rows that loops have made.
template <class T>
struct TakeRow {
  const T* values;
  __attribute__((always_inline)) void operator()(index_t r, const T*, const T*, T* next) const {
    std::memcpy(next, values + r * k_line_lanes<T>, sizeof(T) * k_line_lanes<T>);
  }
};

// As update_line, of some rows at a time.
template <class T, std::size_t W>
__attribute__((always_inline)) inline void update_by_loops(const PanelRows<T>& rows, index_t lane,
                                                           const LoopsRow<T>& phi,
                                                           Magnitude<T>* step,
                                                           Magnitude<T>* state) {
  constexpr index_t k_rows = 32;
  constexpr index_t k_lanes = k_line_lanes<T>;
  alignas(64) T values[k_rows * 64 / sizeof(T)];
  for (index_t first = 0; first < rows.count; first += k_rows) {
    PanelRows<T> part = rows;
    const index_t at = first * rows.stride;
    part.count = std::min(k_rows, rows.count - first);
    part.product += at;
    part.given[0] += at;
    part.old += at;
    part.next += at;
    phi.value({part.product + lane, k_lanes, part.count, rows.stride, {}},
              {part.given[0] + lane, k_lanes, part.count, rows.stride, {}},
              {values, k_lanes, part.count, k_lanes, {}});
    update_line<T, W>(part, lane, TakeRow<T>{values}, step, state);
  }
}

/// The sums of |v − v_old| and of |v| over some rows, of a line of samples.
template <class T, std::size_t W>
struct RowSums {
  static constexpr std::size_t k_packs = 64 / W;
  static constexpr std::size_t k_pack_lanes = W / sizeof(T);

  Pack<T, W> steps[k_packs] = {}, states[k_packs] = {};

  __attribute__((always_inline)) void take(const T* from_steps, const T* from_states) {
    for (std::size_t p = 0; p < k_packs; ++p) {
      load<T, W>(steps[p], from_steps + p * k_pack_lanes);
      load<T, W>(states[p], from_states + p * k_pack_lanes);
    }
  }
  __attribute__((always_inline)) void put(T* to_steps, T* to_states) const {
    for (std::size_t p = 0; p < k_packs; ++p) {
      store<T, W>(steps[p], to_steps + p * k_pack_lanes);
      store<T, W>(states[p], to_states + p * k_pack_lanes);
    }
  }
  __attribute__((always_inline)) RowSums& operator+=(const RowSums& other) {
    for (std::size_t p = 0; p < k_packs; ++p) {
      steps[p] += other.steps[p];
      states[p] += other.states[p];
    }
    return *this;
  }

  /// Every `apart`-th row of [row, end): v <- Ψ∘(w + g).
  __attribute__((always_inline)) void update(const PanelRows<T>& rows, index_t row, index_t end,
                                             index_t apart, index_t lane) {
    const PanelRows<T> own = rows;
    for (index_t r = row; r < end; r += apart) {
      const index_t at = r * own.stride + lane;
      for (std::size_t p = 0; p < k_packs; ++p) {
        Pack<T, W> next, other;
        load<T, W>(next, own.product + at + p * k_pack_lanes);
        load<T, W>(other, own.given[0] + at + p * k_pack_lanes);
        next += other;
        load<T, W>(other, own.given[1] + at + p * k_pack_lanes);
        next *= other;
        load<T, W>(other, own.old + at + p * k_pack_lanes);
        store<T, W>(next, own.next + at + p * k_pack_lanes);
        other = next - other;
        make_absolute<T, W>(other);
        make_absolute<T, W>(next);
        steps[p] += other;
        states[p] += next;
      }
    }
  }
};

// As RowSums::update, with the sums in memory.
template <class T, std::size_t W>
__attribute__((always_inline)) inline void update_and_add(const PanelRows<T>& rows, index_t row,
                                                          index_t end, index_t apart, index_t lane,
                                                          T* steps, T* states) {
  RowSums<T, W> sums;
  sums.take(steps, states);
  sums.update(rows, row, end, apart, lane);
  sums.put(steps, states);
}

}  // namespace

template <class T>
void PanelUpdate<T, PicardUpdate<T>>::begin() {
  std::fill(step_.begin(), step_.end(), 0);
  std::fill(state_.begin(), state_.end(), 0);
}

template <class T>
void PanelUpdate<T, PicardUpdate<T>>::update(const PanelRows<T>& rows, index_t lines) {
  dispatch_loops<T>(activation_, [&]<class Phi>(Phi phi) {
    with_widest_vectors([&](auto width) __attribute__((always_inline)) {
      const auto f = phi;
      for (index_t lane = 0; lane < lines * k_line_lanes<T>; lane += k_line_lanes<T>) {
        Magnitude<T>* step = step_.data() + lane;
        Magnitude<T>* state = state_.data() + lane;
        if constexpr (std::is_same_v<Phi, LoopsRow<T>>)
          update_by_loops<T, width()>(rows, lane, f, step, state);
        else
          update_line<T, width()>(rows, lane, MakeRow<Phi>{f}, step, state);
      }
    });
  });
}

template <class T>
void PanelUpdate<T, PicardUpdate<T>>::settle(T* steps, T* states, index_t lines) const {
  std::transform(step_.begin(), step_.begin() + lines * k_line_lanes<T>, steps, from_magnitude<T>);
  std::transform(state_.begin(), state_.begin() + lines * k_line_lanes<T>, states,
                 from_magnitude<T>);
}

template <class T>
void PanelUpdate<T, AdjointUpdate<T>>::begin_block(const RowBlock& block) {
  row_ = 0;
  rows_ = block.count;
  full_ = block.count / k_line_lanes<T> * k_line_lanes<T>;
  folded_ = false;
}

template <class T>
void PanelUpdate<T, AdjointUpdate<T>>::update(const PanelRows<T>& rows, index_t lines) {
  if (rows.count == rows_)
    update_block(rows, lines);
  else
    update_part(rows, lines);
  row_ += rows.count;
}

/// All rows of a block: no sum leaves the registers before it is whole.
template <class T>
void PanelUpdate<T, AdjointUpdate<T>>::update_block(const PanelRows<T>& rows, index_t lines) {
  folded_ = true;
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    using Sums = RowSums<T, width()>;
    for (index_t lane = 0; lane < lines * k_line_lanes<T>; lane += k_line_lanes<T>) {
      Sums total;
      const auto partial = [&](index_t k, Sums & to) __attribute__((always_inline)) {
        to = {};
        to.update(rows, k, full_, k_line_lanes<T>, lane);
      };
      if (full_ > 0) add_halves<k_line_lanes<T>, 1>(0, partial, total);
      total.update(rows, full_, rows.count, 1, lane);
      total.put(partial_step_.data() + lane, partial_state_.data() + lane);
    }
  });
}

template <class T>
void PanelUpdate<T, AdjointUpdate<T>>::update_part(const PanelRows<T>& rows, index_t lines) {
  if (row_ == 0) {
    std::fill(partial_step_.begin(), partial_step_.end(), T(0));
    std::fill(partial_state_.begin(), partial_state_.end(), T(0));
  }
  const index_t in_sets = std::clamp<index_t>(full_ - row_, 0, rows.count);
  const index_t sets = std::min(in_sets, k_line_lanes<T>);
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    for (index_t lane = 0; lane < lines * k_line_lanes<T>; lane += k_line_lanes<T>)
      for (index_t r = 0; r < sets; ++r) {
        const index_t at = (row_ + r) % k_line_lanes<T> * lanes_ + lane;
        update_and_add<T, width()>(rows, r, in_sets, k_line_lanes<T>, lane,
                                   partial_step_.data() + at, partial_state_.data() + at);
      }
    if (in_sets == rows.count) return;
    fold();
    for (index_t lane = 0; lane < lines * k_line_lanes<T>; lane += k_line_lanes<T>)
      update_and_add<T, width()>(rows, in_sets, rows.count, 1, lane, partial_step_.data() + lane,
                                 partial_state_.data() + lane);
  });
}

template <class T>
void PanelUpdate<T, AdjointUpdate<T>>::fold() {
  if (folded_) return;
  folded_ = true;
  for (auto* sums : {&partial_step_, &partial_state_})
    for (index_t half = k_line_lanes<T> / 2; half > 0; half /= 2)
      for (index_t k = 0; k < half * lanes_; ++k)
        sums->data()[k] += sums->data()[k + half * lanes_];
}

template <class T>
void PanelUpdate<T, AdjointUpdate<T>>::end_block() {
  fold();
  for (index_t lane = 0; lane < lanes_; ++lane) {
    const auto l = static_cast<std::size_t>(lane);
    step_[l] = first_block_ ? partial_step_[l] : step_[l] + partial_step_[l];
    state_[l] = first_block_ ? partial_state_[l] : state_[l] + partial_state_[l];
  }
  first_block_ = false;
}

template <class T>
void PanelUpdate<T, AdjointUpdate<T>>::settle(T* steps, T* states, index_t lines) const {
  std::copy_n(step_.begin(), lines * k_line_lanes<T>, steps);
  std::copy_n(state_.begin(), lines * k_line_lanes<T>, states);
}

template class PanelUpdate<float, PicardUpdate<float>>;
template class PanelUpdate<double, PicardUpdate<double>>;
template class PanelUpdate<float, AdjointUpdate<float>>;
template class PanelUpdate<double, AdjointUpdate<double>>;

}  // namespace idl::cpu
