// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/cpu/loop/panel_mix.hpp"
#include "kernels/cpu/loop/panel_updates.hpp"
#include "kernels/cpu/product/sparse_rows.hpp"
#include "kernels/cpu/runtime/scratch.hpp"

namespace idl::cpu {

/// What SampleLanes keeps in panels [row][lane] of one stride, all of them in one piece of memory.
template <class T>
class LanePanels {
 public:
  struct Form {
    index_t rows;
    index_t lanes;
    index_t constants;     ///< 1: Z, or 2: G and Ψ
    bool in_place;         ///< a state is its own next one
    bool mixed;            ///< with the history of AndersonMix
    index_t product_rows;  ///< that are made at a time
  };

  explicit LanePanels(const Form& form) : form_(form) {
    const index_t panel = form.rows * form.lanes;
    const index_t panels = form.constants + (form.in_place ? 1 : 2) + (form.mixed ? 5 : 0);
    const index_t entries = panels * panel + form.product_rows * form.lanes;
    T* next = memory_.take<T>(static_cast<std::size_t>(entries));
    std::fill_n(next, entries, T(0));
    const auto own = [&] { return std::exchange(next, next + panel); };
    for (index_t g = 0; g < form.constants; ++g) given.push_back(own());
    state = own();
    next_state = form.in_place ? state : own();
    if (form.mixed)
      for (T** history : {&Y, &F_last, &G_last, &F_next, &G_next}) *history = own();
    product = next;
    widen();
  }

  /// Rows as long as all lanes; what the panels hold is lost.
  void widen() { stride = form_.lanes; }

  /// Rows of the first `lanes` lanes alone. Those at work would otherwise be reached in steps of
  /// several cache lines, and the sets of the first-level cache between them stay unused.
  void narrow(index_t lanes) {
    for_each([&](T* panel) {
      for (index_t i = 1; i < form_.rows; ++i)
        std::copy_n(panel + i * stride, lanes, panel + i * lanes);
    });
    stride = lanes;
  }

  /// A column to another lane.
  void move(index_t from, index_t to) {
    for_each([&](T* panel) {
      for (index_t i = 0; i < form_.rows; ++i) panel[i * stride + to] = panel[i * stride + from];
    });
  }

  /// Some rows between their product and their update.
  PanelRows<T> rows_of(const RowBlock& block) const {
    const index_t at = block.first * stride;
    return {.count = block.count,
            .stride = stride,
            .product = product,
            .given = {given.front() + at, given.back() + at},
            .old = state + at,
            .next = next_state + at};
  }

  PanelHistory<T> history() const {
    return {.rows = form_.rows,
            .stride = stride,
            .X = state,
            .Y = Y,
            .F_last = F_last,
            .G_last = G_last,
            .F_next = F_next,
            .G_next = G_next};
  }

  index_t stride = 0;
  std::vector<T*> given;
  T* state = nullptr;
  T* next_state = nullptr;
  T* product = nullptr;
  T *Y = nullptr, *F_last = nullptr, *G_last = nullptr, *F_next = nullptr, *G_next = nullptr;

 private:
  /// Those that hold anything between two iterations.
  template <class Act>
  void for_each(const Act& act) {
    for (T* panel : given) act(panel);
    act(state);
    if (!form_.mixed) return;
    for (T* panel : {Y, F_last, G_last, F_next, G_next}) act(panel);
  }

  Form form_;
  Scratch memory_;
};

}  // namespace idl::cpu
