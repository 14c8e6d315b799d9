// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "kernels/cpu/loop/column_steps.hpp"
#include "kernels/cpu/loop/lane_iteration.hpp"
#include "kernels/cpu/loop/lane_panels.hpp"
#include "kernels/cpu/runtime/lines.hpp"
#include "kernels/cpu/runtime/scratch.hpp"
#include "kernels/recurrence.hpp"

namespace idl::cpu {

/// Takes sequences through all steps of a pass, side by side in panels [row][sequence] from x to h:
/// no step packs anything or reads what the one before has written. Of small dense cells; the bits
/// are those of one step after the other.
template <class T>
class RecurrentLanes {
 public:
  /// Empty where a matrix of the cell is large or not dense, and where solves are accelerated or
  /// may not iterate. The passes of run() have the matrices and options of this one.
  static std::unique_ptr<RecurrentLanes> make(const Recurrence<T>& pass);

  /// All sequences of the pass, in the calling thread. steps_at_first() has been run.
  void run(const Recurrence<T>& pass);

 private:
  using Update = PicardUpdate<T>;
  static constexpr index_t k_lines = 2;
  static constexpr index_t k_lanes = k_lines * k_line_lanes<T>;

  /// Rows of lanes, 0 at first.
  class Panel {
   public:
    explicit Panel(index_t rows) : values_(static_cast<std::size_t>(rows * k_lanes)) {}
    T* row(index_t i) { return values_.data() + i * k_lanes; }
    /// Rows from i on, as a source or a target.
    SamplePanel<const T> from(index_t i) const { return {values_.data() + i * k_lanes, k_lanes}; }
    SamplePanel<T> to(index_t i) { return {row(i), k_lanes}; }

   private:
    Lines<T> values_;
  };

  /// The matrices of the cell, if all of them are dense.
  struct Cell {
    ConstMatrixView<T> A, B, C, D;  ///< D has no rows where there is none
    static std::optional<Cell> of(const Recurrence<T>& pass);
  };

  RecurrentLanes(const Recurrence<T>& pass, const Cell& cell, const ColumnSteps<T, Update>& steps);

  /// As many sequences as there are lanes.
  void run_side_by_side(const Recurrence<T>& pass);
  void make_u(const Recurrence<T>& pass, index_t t);
  void make_z(const Recurrence<T>& pass, index_t t);
  void solve(const Recurrence<T>& pass, index_t t);
  void make_h(const Recurrence<T>& pass, index_t t);
  void start_solve(bool warm);
  void keep_stopped();
  void put_status(const Recurrence<T>& pass, index_t t) const;
  void look_who_ended(const Recurrence<T>& pass, index_t step);
  void clear_ended(SamplePanel<T> panel, index_t rows) const;
  /// Y += MX
  void add_product(const ConstMatrixView<T>& M, SamplePanel<const T> X, SamplePanel<T> Y);

  Cell cell_;
  index_t inputs_;
  index_t known_;  ///< rows of U whose product steps_at_first() has made
  RowOrder order_;
  ColumnSteps<T, Update> work_;  ///< the decision on the lanes
  LaneIteration<T, Update, ConstMatrixView<T>> iteration_;
  LanePanels<T> panels_;
  ColumnVectors<T> vectors_;
  Panel u_, x_, h_, next_h_, product_;
  Lines<T> step_norms_, state_norms_;  ///< of lanes that have stopped
  Lines<T> running_, stops_;           ///< 1 or 0
  Lines<T> ended_;                     ///< 1 or 0
  bool any_ended_ = false;
  index_t lines_ = 0;  ///< with a sequence
  Scratch scratch_;
};

extern template class RecurrentLanes<float>;
extern template class RecurrentLanes<double>;

}  // namespace idl::cpu
