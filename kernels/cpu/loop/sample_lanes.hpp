// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "kernels/cpu/loop/column_steps.hpp"
#include "kernels/cpu/loop/lane_iteration.hpp"
#include "kernels/cpu/loop/lane_panels.hpp"
#include "kernels/cpu/loop/panel_mix.hpp"
#include "kernels/cpu/product/lanes.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/flush_subnormals.hpp"
#include "kernels/cpu/runtime/scratch.hpp"

namespace idl::cpu {

/// The columns that one thread works on at a time, where A is sparse or small: side by side in
/// panels [row][lane], so that an entry of A multiplies a row of neighbours. A lane holds all that
/// belongs to a column, for as long as the column runs, and takes the next one when its own has
/// stopped. `Factor` is op(A): a ConstCsrView or a ConstMatrixView.
template <class T, class Update, class Factor>
class alignas(k_cache_line) SampleLanes {
 public:
  /// Panels of `lines` cache lines a row, at most k_most_lines. `order` is that of the rows of a
  /// sparse A by the time of run(), if it is followed.
  SampleLanes(const ColumnSteps<T, Update>& batch, const Factor& A, const RowOrder& order,
              index_t lines)
      : batch_(batch),
        lanes_(lines * k_line_lanes<T>),
        column_(static_cast<std::size_t>(lanes_)),
        vectors_(column_.size()),
        work_(batch),
        iteration_(batch, A, order, lanes_),
        mix_(batch.mix ? lanes_ : 0),
        panels_({.rows = rows(),
                 .lanes = lanes_,
                 .constants = static_cast<index_t>(constants_of(batch_.update).size()),
                 .in_place = iteration_.is_in_place(),
                 .mixed = batch.mix.has_value(),
                 .product_rows = iteration_.product_rows()}) {}

  void move_to(const ColumnSteps<T, Update>& batch) { batch_.move_to(batch); }

  /// Iterates columns of the queue until it is empty, each until it stops.
  void run(WorkQueue& queue, int thread) {
    const FlushSubnormals flush;
    vectors_.begin();
    set_lines(lanes_ / k_line_lanes<T>);
    panels_.widen();
    queue_is_empty_ = false;
    // A block of rows would see the blocks before it, which in the first iteration it does not.
    multiplies_zero_ =
        batch_.from_zero && !iteration_.sees_new_rows() && iteration_.multiplies_zero();
    for (fill(queue, thread); at_work_ > 0; fill(queue, thread)) {
      iteration_.run(panels_, vectors_, lines_);
      decide();
      if (batch_.mix && at_work_ > 0) mix();
    }
  }

 private:
  Device device() { return state_of(batch_.update).device; }
  index_t rows() { return state_of(batch_.update).rows; }

  /// Sees to it that each lane holds a column that runs, or that the queue is empty.
  void fill(WorkQueue& queue, int thread) {
    if (at_work_ == 0 && batch_.from_zero) start_together(queue, thread);
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

  /// Columns for all lanes, while none is at work, with their first iteration from zero.
  void start_together(WorkQueue& queue, int thread) {
    arrived_.clear();
    for (index_t lane = 0; lane < lanes_ && !queue_is_empty_; ++lane) {
      const IndexRange next = queue.take(thread);
      queue_is_empty_ = next.empty();
      if (queue_is_empty_) break;
      const auto l = static_cast<std::size_t>(lane);
      make_derivative(next.begin);
      vectors_.start(l);
      column_[l] = next.begin;
      arrived_.push_back(lane);
      ++at_work_;
    }
    if (arrived_.empty()) return;
    bring_constants();
    iteration_.start(panels_, vectors_, lines_);
    decide();
    if (!batch_.mix) return;
    for (T* panel : {panels_.Y, panels_.F_last, panels_.G_last})
      std::copy_n(panels_.state, rows() * panels_.stride, panel);
    for (const index_t lane : arrived_) set_points(static_cast<std::size_t>(lane));
  }

  void set_points(std::size_t lane) {
    vectors_.accepted[lane] = vectors_.step_norms[lane];
    vectors_.points[lane] = 1;
  }

  void make_derivative(index_t j) {
    if (!batch_.derivative) return;
    ActivationDerivative<T> derivative = *batch_.derivative;
    derivative.S = derivative.S.columns(j, 1);
    derivative.Z = derivative.Z.columns(j, 1);
    derivative.Psi = derivative.Psi.columns(j, 1);
    execute(derivative, scratch_);
  }

  /// Whether the column runs. The first iteration from zero is made where the column lies, unless
  /// it is one like all others.
  bool take(index_t j, std::size_t lane) {
    if (!batch_.from_zero) return vectors_.take(batch_, j, lane);
    vectors_.start(lane);
    make_derivative(j);
    if (multiplies_zero_) return true;
    start(j, lane);
    if (vectors_.status[lane] == k_running) return true;
    vectors_.put_back(lane, batch_, j);
    return false;
  }

  void start(index_t j, std::size_t lane) {
    zeros_.resize(static_cast<std::size_t>(rows()));
    ColumnSteps<T, Update> first = {.update = batch_.update, .decision = batch_.decision};
    vectors_.bind(first, lane, 1, device());
    state_of(first.update) = state_of(first.update).columns(j, 1);
    product_of(first.update) = {zeros_.data(), rows(), 1, std::max<index_t>(rows(), 1), device()};
    for (ConstMatrixView<T>* given : constants_of(first.update)) *given = given->columns(j, 1);
    std::fill_n(state_of(first.update).data, rows(), T(0));
    execute(first.update, scratch_);
    execute(first.decision, scratch_);
    if (batch_.mix) set_points(lane);
  }

  /// The columns that arrived, to their lanes.
  void bring_in() {
    if (arrived_.empty()) return;
    iteration_.settle_anew();
    bring_constants();
    if (multiplies_zero_) {
      clear(panels_.state);
      if (batch_.mix) clear(panels_.Y);
      return;
    }
    bring(from_batch(state_of(batch_.update)), panels_.state);
    if (!batch_.mix) return;
    AndersonMix<T>& mix = *batch_.mix;
    if (batch_.from_zero) {
      // After one iteration from zero all of these are the state.
      for (T* panel : {panels_.Y, panels_.F_last, panels_.G_last})
        bring(from_batch(state_of(batch_.update)), panel);
      return;
    }
    bring(from_batch(mix.Y), panels_.Y);
    // The points of a column have taken turns by their number, those of all lanes do so together.
    const auto by_turn = [&](const MatrixView<T>& even, const MatrixView<T>& odd, bool next) {
      return [&, next](index_t j) {
        const bool is_even = (mix.points.data[j] % 2 == 0) == next;
        const MatrixView<T>& view = is_even ? even : odd;
        return view.data + j * view.ld;
      };
    };
    bring(by_turn(mix.F_even, mix.F_odd, false), panels_.F_last);
    bring(by_turn(mix.G_even, mix.G_odd, false), panels_.G_last);
    bring(by_turn(mix.F_even, mix.F_odd, true), panels_.F_next);
    bring(by_turn(mix.G_even, mix.G_odd, true), panels_.G_next);
  }

  static auto from_batch(const auto& view) {
    return [&view](index_t j) { return view.data + j * view.ld; };
  }

  void bring_constants() {
    const auto constants = constants_of(batch_.update);
    for (std::size_t g = 0; g < constants.size(); ++g)
      bring(from_batch(*constants[g]), panels_.given[g]);
  }

  template <class ColumnAt>
  void bring(const ColumnAt& column_at, T* panel) {
    columns_.clear();
    for (const index_t lane : arrived_)
      columns_.push_back(column_at(*column_[static_cast<std::size_t>(lane)]));
    columns_to_lanes<T>(columns_, arrived_, rows(), {panel, panels_.stride});
  }

  /// The lanes of the columns that arrived, to zero.
  void clear(T* panel) {
    for (index_t i = 0; i < rows(); ++i)
      for (const index_t lane : arrived_) panel[i * panels_.stride + lane] = T(0);
  }

  void decide() {
    execute(work_.decision, scratch_);
    if (vectors_.take_stopped() > 0) put_back();
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
    lanes_to_columns<T>({panels_.state, panels_.stride}, stopped_, rows(), targets_);
  }

  void mix() {
    mix_.mix(panels_.history(),
             {.status = vectors_.status.data(),
              .iterations = vectors_.iterations.data(),
              .step_norms = vectors_.step_norms.data(),
              .accepted = vectors_.accepted.data(),
              .points = vectors_.points.data(),
              .fallbacks = vectors_.fallbacks.data()},
             lines_);
    std::swap(panels_.F_last, panels_.F_next);
    std::swap(panels_.G_last, panels_.G_next);
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
    set_lines(needed);
    panels_.narrow(lines_ * k_line_lanes<T>);
    iteration_.settle_anew();
  }

  void move(index_t from, index_t to) {
    const auto f = static_cast<std::size_t>(from);
    const auto t = static_cast<std::size_t>(to);
    column_[t] = std::exchange(column_[f], std::nullopt);
    vectors_.move(f, t);
    panels_.move(from, to);
  }

  void set_lines(index_t lines) {
    lines_ = lines;
    vectors_.bind(work_, 0, static_cast<std::size_t>(lines_ * k_line_lanes<T>), device());
  }

  ColumnSteps<T, Update> batch_;
  index_t lanes_;      ///< at most
  index_t lines_ = 0;  ///< of them, that are at work
  bool queue_is_empty_ = false;
  bool multiplies_zero_ = false;  ///< a column that starts from zero, in its first iteration
  index_t at_work_ = 0;
  Lines<std::optional<index_t>> column_;  ///< of the batch, in each lane
  ColumnVectors<T> vectors_;
  ColumnSteps<T, Update> work_;  ///< the decision on the lanes
  LaneIteration<T, Update, Factor> iteration_;
  PanelMix<T> mix_;
  LanePanels<T> panels_;
  Lines<index_t> arrived_, stopped_;
  Lines<const T*> columns_;
  Lines<T*> targets_;
  Lines<T> zeros_;  ///< the product of a state of zero
  Scratch scratch_;
};

}  // namespace idl::cpu
