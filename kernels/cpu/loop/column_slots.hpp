// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "kernels/cpu/loop/column_steps.hpp"
#include "kernels/cpu/loop/packed_products.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/flush_subnormals.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/scratch.hpp"
#include "kernels/loop_updates.hpp"

namespace idl::cpu {

/// The columns that one thread works on at a time, in buffers that stay in its cache: a slot holds
/// all that belongs to a column, and takes the next one when its own has stopped.
template <class T, class Update>
class alignas(k_cache_line) ColumnSlots {
 public:
  /// `product` has packed A by the time of run().
  ColumnSlots(const ColumnSteps<T, Update>& loop, const PackedProducts<T>& product, index_t slots)
      : loop_(loop),
        product_(product),
        work_(loop),
        slots_(slots),
        vectors_(static_cast<std::size_t>(slots)) {
    const std::size_t count = static_cast<std::size_t>(slots);
    column_.resize(count);
    fresh_.reserve(count);
    running_.reserve(count);
    groups_.reserve((count + k_together - 1) / k_together);
    inner_groups_.reserve(groups_.capacity());
    if (k_joins_lanes) norms_.resize(count);
    bind_columns();
    vectors_.bind(work_, 0, count, state_of(loop_.update).device);
    for (const RowBlock& block : work_.blocks) updates_.push_back(rows_of(work_.update, block));
  }

  void move_to(const ColumnSteps<T, Update>& loop) { loop_.move_to(loop); }

  /// Iterates columns of the queue until it is empty, each until it stops.
  void run(WorkQueue& queue, int thread) {
    const FlushSubnormals flush;
    thread_ = thread;
    vectors_.begin();
    std::ranges::fill(column_, std::nullopt);
    do {
      fresh_.clear();
      running_.clear();
      for (index_t slot = 0; slot < slots_; ++slot) fill(slot, queue);
      iterate();
    } while (!fresh_.empty() || !running_.empty());
  }

 private:
  static constexpr auto k_together = static_cast<std::size_t>(k_panel_columns);
  static constexpr bool k_joins_lanes = std::is_same_v<Update, PicardUpdate<T>>;

  bool is_at_work(std::size_t s) const { return column_[s] && vectors_.status[s] == k_running; }

  /// Sees to it that the slot holds a column that runs, or that the queue is empty.
  void fill(index_t slot, WorkQueue& queue) {
    const auto s = static_cast<std::size_t>(slot);
    while (!is_at_work(s)) {
      if (column_[s]) put_back(slot);
      const IndexRange next = queue.take(thread_);
      if (next.empty()) {
        column_[s].reset();
        return;
      }
      column_[s] = next.begin;
      take(slot);
    }
    (loop_.from_zero && vectors_.iterations[s] == 0 ? fresh_ : running_).push_back(slot);
  }

  /// One iteration of all slots. Those at a state of zero have a product of zero. Of the others a
  /// block of rows after the other is multiplied and updated before the product of the next block.
  void iterate() {
    if (!fresh_.empty()) start_with(work_.update);
    if (!running_.empty()) go_on();
    execute(work_.decision, scratch_);
    if (work_.mix) execute(*work_.mix, scratch_);
  }

  void start_with(const Update& first) {
    update(first, fresh_);
    if constexpr (k_joins_lanes) settle_norms<T>(first, fresh_, norms_);
  }

  void go_on() {
    const std::span<const index_t> running = running_;
    group_columns(running);
    for (std::size_t b = 0; b < updates_.size(); ++b) {
      product_.multiply(work_.blocks[b], inner_groups_, groups_);
      update(updates_[b], running);
    }
    if constexpr (k_joins_lanes) settle_norms<T>(work_.update, running, norms_);
  }

  void update(const Update& block, std::span<const index_t> slots) {
    if constexpr (k_joins_lanes) {
      update_columns<T>(block, slots, norms_);
    } else {
      update_columns(block, slots);
    }
  }

  void group_columns(std::span<const index_t> running) {
    groups_.clear();
    inner_groups_.clear();
    const MatrixView<T>& states = state_of(work_.update);
    for (std::size_t first = 0; first < running.size(); first += k_together) {
      const auto slots = running.subspan(first, std::min(k_together, running.size() - first));
      if (inner_.rows > 0) inner_groups_.push_back(product_columns(slots, states, inner_));
      groups_.push_back(product_columns(slots, inner_.rows > 0 ? inner_ : states, sums_));
    }
  }
  static PanelColumns<T> product_columns(std::span<const index_t> slots,
                                         const MatrixView<T>& factors, const MatrixView<T>& sums) {
    PanelColumns<T> columns{
        .factors = {}, .along_k = 1, .sums = {}, .count = static_cast<index_t>(slots.size())};
    for (std::size_t c = 0; c < slots.size(); ++c) {
      columns.factors[c] = factors.data + slots[c] * factors.ld;
      columns.sums[c] = sums.data + slots[c] * sums.ld;
    }
    return columns;
  }

  /// Puts the column into its slot; from zero it is started.
  void take(index_t slot) {
    const auto s = static_cast<std::size_t>(slot);
    const index_t j = *column_[s];
    if (loop_.from_zero) {
      start(slot, j);
      return;
    }
    if (!vectors_.take(loop_, j, s)) {
      column_[s].reset();
      return;
    }
    copy_column(state_of(loop_.update), j, state_of(work_.update), slot);
    take_given(slot, j);
    if (!loop_.mix) return;
    const auto from_history = history_of(*loop_.mix);
    const auto history = history_of(*work_.mix);
    for (std::size_t h = 0; h < history.size(); ++h)
      copy_column(*from_history[h], j, *history[h], slot);
  }

  void start(index_t slot, index_t j) {
    if (loop_.derivative) {
      ActivationDerivative<T> derivative = *loop_.derivative;
      derivative.S = derivative.S.columns(j, 1);
      derivative.Z = derivative.Z.columns(j, 1);
      derivative.Psi = derivative.Psi.columns(j, 1);
      execute(derivative, scratch_);
    }
    vectors_.start(static_cast<std::size_t>(slot));
    clear_column(state_of(work_.update), slot);
    clear_column(sums_, slot);
    if (work_.mix) clear_column(work_.mix->Y, slot);
    take_given(slot, j);
  }

  void take_given(index_t slot, index_t j) {
    const auto from = constants_of(loop_.update);
    const auto to = constants_of(work_.update);
    for (std::size_t g = 0; g < to.size(); ++g)
      std::copy_n(from[g]->data + j * from[g]->ld, from[g]->rows, given_[g] + slot * to[g]->ld);
  }

  static void copy_column(const MatrixView<T>& from, index_t i, const MatrixView<T>& to,
                          index_t j) {
    std::copy_n(from.data + i * from.ld, from.rows, to.data + j * to.ld);
  }
  static void clear_column(const MatrixView<T>& view, index_t j) {
    std::fill_n(view.data + j * view.ld, view.rows, T(0));
  }

  /// The slot's column, which has stopped, to where it belongs.
  void put_back(index_t slot) {
    const auto s = static_cast<std::size_t>(slot);
    const index_t j = *column_[s];
    copy_column(state_of(work_.update), slot, state_of(loop_.update), j);
    vectors_.put_back(s, loop_, j);
  }

  /// Gives the steps columns of their own: whole cache lines each. Behind the entries of a state
  /// and of its history are zeros, which are mixed with them and stay zeros.
  void bind_columns() {
    constexpr index_t k_line = 64 / static_cast<index_t>(sizeof(T));
    Update& update = work_.update;
    const index_t rows = state_of(update).rows;
    const auto whole_lines = [](index_t count) { return (count + k_line - 1) / k_line * k_line; };
    const index_t ld = whole_lines(rows);
    const index_t inner_ld = whole_lines(product_.inner_rows());
    const auto views = static_cast<index_t>(2 + constants_of(update).size() +
                                            (work_.mix ? history_of(*work_.mix).size() : 0));
    const index_t entries = (views * ld + inner_ld) * slots_;
    T* next = memory_.take<T>(static_cast<std::size_t>(entries));
    std::fill_n(next, entries, T(0));
    const auto own = [&] {
      const MatrixView<T> view = {next, rows, slots_, ld, state_of(loop_.update).device};
      next += ld * slots_;
      return view;
    };
    state_of(update) = own();
    sums_ = own();
    product_of(update) = sums_;
    for (ConstMatrixView<T>* view : constants_of(update)) {
      const MatrixView<T> memory = own();
      given_.push_back(memory.data);
      *view = memory;
    }
    inner_ = {next, product_.inner_rows(), slots_, inner_ld, state_of(loop_.update).device};
    next += inner_ld * slots_;
    if (!work_.mix) return;
    work_.mix->X = state_of(update);
    work_.mix->X.rows = ld;
    for (MatrixView<T>* view : history_of(*work_.mix)) {
      *view = own();
      view->rows = ld;
    }
  }

  ColumnSteps<T, Update> loop_;  ///< on the batch
  const PackedProducts<T>& product_;
  ColumnSteps<T, Update> work_;  ///< on the slots
  MatrixView<T> sums_;           ///< products, in the slots
  MatrixView<T> inner_{};        ///< between the two products of A = LRᵀ, in the slots
  index_t slots_;
  ColumnVectors<T> vectors_;
  int thread_ = 0;
  std::vector<Update> updates_;           ///< of the blocks of rows
  Lines<std::optional<index_t>> column_;  ///< of the batch, in each slot
  Lines<index_t> fresh_, running_;
  Lines<PanelColumns<T>> groups_, inner_groups_;  ///< of those running
  Lines<NormLanes<T>> norms_;
  std::vector<T*> given_;  ///< where the slots' forcing, or G and Ψ, are written
  Scratch memory_;
  Scratch scratch_;
};

}  // namespace idl::cpu
