// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/cpu/loop/column_steps.hpp"
#include "kernels/cpu/loop/lane_iteration.hpp"
#include "kernels/cpu/loop/lane_panels.hpp"
#include "kernels/cpu/product/sparse_rows.hpp"
#include "kernels/cpu/runtime/lines.hpp"
#include "kernels/cpu/runtime/scratch.hpp"
#include "kernels/recurrence.hpp"

namespace idl::cpu {

/// Sequences side by side: two cache lines of lanes.
inline constexpr index_t k_solve_lines = 2;
template <class T>
inline constexpr index_t k_solve_lanes = k_solve_lines* k_line_lanes<T>;

/// Rows of lanes, 0 at first.
template <class T>
class LanePanel {
 public:
  explicit LanePanel(index_t rows)
      : rows_(rows), values_(static_cast<std::size_t>(rows * k_solve_lanes<T>)) {}
  index_t rows() const { return rows_; }
  index_t entries() const { return rows_ * k_solve_lanes<T>; }
  T* row(index_t i) { return values_.data() + i * k_solve_lanes<T>; }
  /// Rows from i on, as a source or a target.
  SamplePanel<const T> from(index_t i) const {
    return {values_.data() + i * k_solve_lanes<T>, k_solve_lanes<T>};
  }
  SamplePanel<T> to(index_t i) { return {row(i), k_solve_lanes<T>}; }

 private:
  index_t rows_;
  Lines<T> values_;
};

/// Rows of a panel as a matrix of lanes × rows.
template <class T>
MatrixView<T> matrix_of(SamplePanel<T> panel, index_t rows) {
  return {panel.data, panel.stride, rows, panel.stride, Device::cpu()};
}

/// The solves of a recurrent pass or of its adjoint for as many sequences as there are lanes, step
/// after step: a solve begins where that of the step before has ended, or at zero, and the state of
/// a sequence that has not got a step is 0. Without acceleration; op(A) is small and dense. The
/// bits are those of one solve after the other.
template <class T, class Update>
class LaneSolve {
 public:
  /// Products that are added have at most `product_rows` rows.
  LaneSolve(const ColumnSteps<T, Update>& steps, const ConstMatrixView<T>& A, index_t product_rows);

  /// The first lanes hold these sequences, whose state is `state`; without columns: 0.
  void begin(index_t sequences, const ConstMatrixView<T>& state);
  SamplePanel<const T> state() const { return state_.from(0); }
  /// Constant k of the update, which run() reads: Z, or G and Ψ.
  SamplePanel<T> given(std::size_t k) { return {panels_.given[k], k_solve_lanes<T>}; }

  /// Before what follows, at each step.
  void look_who_has(VectorView<const std::int32_t> lengths, index_t step);
  /// Rows <- 0 in the lanes whose sequence has not got the step.
  void clear_ended(SamplePanel<T> panel, index_t rows) const;
  /// to <- from in these lanes.
  void keep_ended(SamplePanel<const T> from, SamplePanel<T> to, index_t rows) const;

  void run(bool warm);
  /// What run() has found, to entry `first` and those after it.
  void put_status(const RecurrentLoop<T>& loop, index_t first, index_t sequences) const;

  /// Y <- MX, or Y + MX, in the lanes at work.
  void multiply(const ConstMatrixView<T>& M, SamplePanel<const T> X, SamplePanel<T> Y) const;
  void add_product(const ConstMatrixView<T>& M, SamplePanel<const T> X, SamplePanel<T> Y);

 private:
  void start(bool warm);
  void keep_stopped();
  bool runs(index_t line) const;

  ColumnSteps<T, Update> work_;  ///< the decision on the lanes
  RowOrder order_;
  LaneIteration<T, Update, ConstMatrixView<T>> iteration_;
  LanePanels<T> panels_;
  ColumnVectors<T> vectors_;
  LanePanel<T> state_;  ///< of lanes that have stopped
  LanePanel<T> product_;
  Lines<T> step_norms_, state_norms_;  ///< of lanes that have stopped
  Lines<T> running_, stops_, ended_;   ///< 1 or 0
  bool any_ended_ = false;
  index_t lines_ = 0;  ///< of lanes that hold a sequence
  Scratch scratch_;
};

extern template class LaneSolve<float, PicardUpdate<float>>;
extern template class LaneSolve<double, PicardUpdate<double>>;
extern template class LaneSolve<float, AdjointUpdate<float>>;
extern template class LaneSolve<double, AdjointUpdate<double>>;

}  // namespace idl::cpu
