// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/cpu/loop/column_steps.hpp"
#include "kernels/cpu/loop/panel_mix.hpp"
#include "kernels/cpu/loop/panel_updates.hpp"
#include "kernels/cpu/product/lanes.hpp"
#include "kernels/cpu/product/sparse_rows.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/flush_subnormals.hpp"
#include "kernels/cpu/runtime/scratch.hpp"

namespace idl::cpu {

/// The columns that one thread works on at a time, where A is sparse: side by side in panels
/// [row][lane], so that an entry of A multiplies a row of neighbours. A lane holds all that belongs
/// to a column, for as long as the column runs, and takes the next one when its own has stopped.
template <class T, class Update>
class alignas(k_cache_line) SampleLanes {
 public:
  /// Panels of `lines` cache lines a row, at most k_most_lines.
  SampleLanes(const ColumnSteps<T, Update>& batch, ConstCsrView<T> A, index_t lines)
      : batch_(batch),
        A_(A),
        lanes_(lines * k_line_lanes<T>),
        column_(static_cast<std::size_t>(lanes_)),
        vectors_(column_.size()),
        work_(batch),
        update_(batch.update, lanes_),
        mix_(batch.mix ? lanes_ : 0) {
    vectors_.bind(work_, 0, column_.size(), device());
    in_place_ = batch_.blocks.size() > 1;
    for (const RowBlock& block : batch_.blocks) divide(block);
    bind_panels();
  }

  /// Iterates columns of the queue until it is empty, each until it stops.
  void run(WorkQueue& queue, int thread) {
    const FlushSubnormals flush;
    vectors_.begin();
    lines_ = lanes_ / k_line_lanes<T>;
    queue_is_empty_ = false;
    for (fill(queue, thread); at_work_ > 0; fill(queue, thread)) {
      iterate();
      execute(work_.decision, scratch_);
      put_back();
      if (batch_.mix && at_work_ > 0) mix();
    }
  }

 private:
  /// Rows between a product and its update, where the product is made of the states before.
  static constexpr index_t k_chunk = 64;

  struct Chunk {
    RowBlock rows;
    const RowBlock* begun = nullptr;  ///< the block whose first rows they are
    bool ends = false;                ///< the last rows of a block
  };

  Device device() { return state_of(batch_.update).device; }
  index_t rows() { return state_of(batch_.update).rows; }

  /// A block that is updated in place is multiplied as a whole before.
  void divide(const RowBlock& block) {
    const index_t end = block.first + block.count;
    const index_t size = in_place_ ? block.count : k_chunk;
    for (index_t first = block.first; first < end; first += size) {
      Chunk chunk = {.rows = {first, std::min(size, end - first)}};
      if (first == block.first) chunk.begun = &block;
      chunk.ends = first + size >= end;
      chunks_.push_back(chunk);
      most_rows_ = std::max(most_rows_, chunk.rows.count);
    }
  }

  void bind_panels() {
    const index_t panel = rows() * lanes_;
    const auto constants = static_cast<index_t>(constants_of(batch_.update).size());
    const index_t panels = constants + (in_place_ ? 1 : 2) + (batch_.mix ? 5 : 0);
    const index_t entries = panels * panel + most_rows_ * lanes_;
    T* next = memory_.take<T>(static_cast<std::size_t>(entries));
    std::fill_n(next, entries, T(0));
    const auto own = [&] { return std::exchange(next, next + panel); };
    for (index_t g = 0; g < constants; ++g) given_.push_back(own());
    state_ = own();
    next_state_ = in_place_ ? state_ : own();
    if (batch_.mix)
      for (T** history : {&Y_, &F_last_, &G_last_, &F_next_, &G_next_}) *history = own();
    product_ = next;
  }

  /// Sees to it that each lane holds a column that runs, or that the queue is empty.
  void fill(WorkQueue& queue, int thread) {
    arrived_.clear();
    const index_t lanes = lines_ * k_line_lanes<T>;
    for (index_t lane = 0; lane < lanes && at_work_ < lanes && !queue_is_empty_; ++lane) {
      const auto l = static_cast<std::size_t>(lane);
      while (!column_[l]) {
        const IndexRange next = queue.take(thread);
        queue_is_empty_ = next.empty();
        if (queue_is_empty_) break;
        if (!take(next.begin, l)) continue;
        column_[l] = next.begin;
        arrived_.push_back(lane);
        ++at_work_;
      }
    }
    bring_in();
    if (queue_is_empty_) close_up();
  }

  /// Whether the column runs. The first iteration from zero is made where the column lies.
  bool take(index_t j, std::size_t lane) {
    if (!batch_.from_zero) return vectors_.take(batch_, j, lane);
    vectors_.start(lane);
    start(j, lane);
    if (vectors_.status[lane] == k_running) return true;
    vectors_.put_back(lane, batch_, j);
    return false;
  }

  void start(index_t j, std::size_t lane) {
    if (batch_.derivative) {
      ActivationDerivative<T> derivative = *batch_.derivative;
      derivative.S = derivative.S.columns(j, 1);
      derivative.Z = derivative.Z.columns(j, 1);
      derivative.Psi = derivative.Psi.columns(j, 1);
      execute(derivative, scratch_);
    }
    zeros_.resize(static_cast<std::size_t>(rows()));
    ColumnSteps<T, Update> first = {.update = batch_.update, .decision = batch_.decision};
    vectors_.bind(first, lane, 1, device());
    state_of(first.update) = state_of(first.update).columns(j, 1);
    product_of(first.update) = {zeros_.data(), rows(), 1, std::max<index_t>(rows(), 1), device()};
    for (ConstMatrixView<T>* given : constants_of(first.update)) *given = given->columns(j, 1);
    std::fill_n(state_of(first.update).data, rows(), T(0));
    execute(first.update, scratch_);
    execute(first.decision, scratch_);
    if (!batch_.mix) return;
    vectors_.accepted[lane] = vectors_.step_norms[lane];
    vectors_.points[lane] = 1;
  }

  /// The columns that arrived, to their lanes.
  void bring_in() {
    if (arrived_.empty()) return;
    const auto from_batch = [&](const auto& view) {
      return [&view](index_t j) { return view.data + j * view.ld; };
    };
    const auto constants = constants_of(batch_.update);
    for (std::size_t g = 0; g < constants.size(); ++g) bring(from_batch(*constants[g]), given_[g]);
    bring(from_batch(state_of(batch_.update)), state_);
    if (!batch_.mix) return;
    AndersonMix<T>& mix = *batch_.mix;
    if (batch_.from_zero) {
      // After one iteration from zero all of these are the state.
      for (T* panel : {Y_, F_last_, G_last_}) bring(from_batch(state_of(batch_.update)), panel);
      return;
    }
    bring(from_batch(mix.Y), Y_);
    // The points of a column have taken turns by their number, those of all lanes do so together.
    const auto by_turn = [&](const MatrixView<T>& even, const MatrixView<T>& odd, bool next) {
      return [&, next](index_t j) {
        const bool is_even = (mix.points.data[j] % 2 == 0) == next;
        const MatrixView<T>& view = is_even ? even : odd;
        return view.data + j * view.ld;
      };
    };
    bring(by_turn(mix.F_even, mix.F_odd, false), F_last_);
    bring(by_turn(mix.G_even, mix.G_odd, false), G_last_);
    bring(by_turn(mix.F_even, mix.F_odd, true), F_next_);
    bring(by_turn(mix.G_even, mix.G_odd, true), G_next_);
  }

  template <class ColumnAt>
  void bring(const ColumnAt& column_at, T* panel) {
    columns_.clear();
    for (const index_t lane : arrived_)
      columns_.push_back(column_at(*column_[static_cast<std::size_t>(lane)]));
    columns_to_lanes<T>(columns_, arrived_, rows(), {panel, lanes_});
  }

  /// One iteration of all lanes, a block of rows after the other.
  void iterate() {
    update_.begin();
    for (const Chunk& chunk : chunks_) {
      if (chunk.begun != nullptr) update_.begin_block(*chunk.begun);
      multiply_rows<T>({A_, chunk.rows.first, chunk.rows.count}, {state_, lanes_},
                       {product_, lanes_}, lines_);
      update_.update(rows_of(chunk.rows), lines_);
      if (chunk.ends) update_.end_block();
    }
    update_.settle(vectors_.step_norms.data(), vectors_.state_norms.data());
    std::swap(state_, next_state_);
  }

  PanelRows<T> rows_of(const RowBlock& block) {
    const index_t at = block.first * lanes_;
    return {.count = block.count,
            .stride = lanes_,
            .product = product_,
            .given = {given_.front() + at, given_.back() + at},
            .old = state_ + at,
            .next = next_state_ + at};
  }

  /// The columns that have stopped, to where they belong.
  void put_back() {
    stopped_.clear();
    targets_.clear();
    const MatrixView<T>& states = state_of(batch_.update);
    for (index_t lane = 0; lane < lines_ * k_line_lanes<T>; ++lane) {
      const auto l = static_cast<std::size_t>(lane);
      if (!column_[l] || vectors_.status[l] == k_running) continue;
      vectors_.put_back(l, batch_, *column_[l]);
      targets_.push_back(states.data + *column_[l] * states.ld);
      stopped_.push_back(lane);
      column_[l].reset();
      --at_work_;
    }
    lanes_to_columns<T>({state_, lanes_}, stopped_, rows(), targets_);
  }

  void mix() {
    mix_.mix({.rows = rows(),
              .stride = lanes_,
              .X = state_,
              .Y = Y_,
              .F_last = F_last_,
              .G_last = G_last_,
              .F_next = F_next_,
              .G_next = G_next_},
             {.status = vectors_.status.data(),
              .iterations = vectors_.iterations.data(),
              .step_norms = vectors_.step_norms.data(),
              .accepted = vectors_.accepted.data(),
              .points = vectors_.points.data(),
              .fallbacks = vectors_.fallbacks.data()},
             lines_);
    std::swap(F_last_, F_next_);
    std::swap(G_last_, G_next_);
  }

  /// When no column is left to be taken: those at work are moved together, so that lines without
  /// any cost nothing.
  void close_up() {
    const index_t needed = std::max<index_t>(1, (at_work_ + k_line_lanes<T> - 1) / k_line_lanes<T>);
    if (needed >= lines_) return;
    index_t to = 0;
    for (index_t lane = needed * k_line_lanes<T>; lane < lines_ * k_line_lanes<T>; ++lane) {
      const auto from = static_cast<std::size_t>(lane);
      if (!column_[from]) continue;
      while (column_[static_cast<std::size_t>(to)]) ++to;
      move(lane, to);
    }
    lines_ = needed;
  }

  void move(index_t from, index_t to) {
    const auto f = static_cast<std::size_t>(from);
    const auto t = static_cast<std::size_t>(to);
    column_[t] = std::exchange(column_[f], std::nullopt);
    vectors_.move(f, t);
    const auto move_in = [&](T* panel) {
      for (index_t i = 0; i < rows(); ++i) panel[i * lanes_ + to] = panel[i * lanes_ + from];
    };
    for (T* panel : given_) move_in(panel);
    move_in(state_);
    if (!batch_.mix) return;
    for (T* panel : {Y_, F_last_, G_last_, F_next_, G_next_}) move_in(panel);
  }

  ColumnSteps<T, Update> batch_;
  ConstCsrView<T> A_;  ///< or Aᵀ
  index_t lanes_;      ///< in a row of the panels
  index_t lines_ = 0;  ///< of them, that are at work
  bool in_place_ = false;
  bool queue_is_empty_ = false;
  index_t at_work_ = 0;
  index_t most_rows_ = 0;
  Lines<std::optional<index_t>> column_;  ///< of the batch, in each lane
  ColumnVectors<T> vectors_;
  ColumnSteps<T, Update> work_;  ///< the decision on the lanes
  PanelUpdate<T, Update> update_;
  PanelMix<T> mix_;
  std::vector<Chunk> chunks_;
  std::vector<T*> given_;
  T* state_ = nullptr;
  T* next_state_ = nullptr;
  T* product_ = nullptr;
  T *Y_ = nullptr, *F_last_ = nullptr, *G_last_ = nullptr, *F_next_ = nullptr, *G_next_ = nullptr;
  Lines<index_t> arrived_, stopped_;
  Lines<const T*> columns_;
  Lines<T*> targets_;
  Lines<T> zeros_;  ///< the product of a state of zero
  Scratch memory_;
  Scratch scratch_;
};

}  // namespace idl::cpu
