// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>

#include "kernels/cpu/loop/lane_solve.hpp"
#include "kernels/recurrence.hpp"

namespace idl::cpu {

/// The matrices of a cell, if all of them are dense.
template <class T>
struct DenseCell {
  ConstMatrixView<T> A, B, C, D;  ///< D has no rows where there is none

  template <class Pass>
  static std::optional<DenseCell> of(const Pass& pass);
};

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

  RecurrentLanes(const Recurrence<T>& pass, const DenseCell<T>& cell,
                 const ColumnSteps<T, Update>& steps);

  /// As many sequences as there are lanes.
  void run_side_by_side(const Recurrence<T>& pass);
  void make_u(const Recurrence<T>& pass, index_t t);
  void make_z(const Recurrence<T>& pass, index_t t);
  void make_h(const Recurrence<T>& pass, index_t t);

  DenseCell<T> cell_;
  index_t inputs_;
  index_t known_;  ///< rows of U whose product steps_at_first() has made
  LaneSolve<T, Update> solve_;
  LanePanel<T> u_, h_, next_h_;
  Scratch scratch_;
};

/// The same of the adjoint, from the last step to the first.
template <class T>
class AdjointLanes {
 public:
  static std::unique_ptr<AdjointLanes> make(const RecurrenceAdjoint<T>& pass);
  void run(const RecurrenceAdjoint<T>& pass);

 private:
  using Update = AdjointUpdate<T>;

  /// Memory for the transpose of a matrix of this shape.
  class TransposeMemory {
   public:
    TransposeMemory(index_t rows, index_t cols)
        : rows_(cols), cols_(rows), values_(static_cast<std::size_t>(rows * cols)) {}
    MatrixView<T> view() { return {values_.data(), rows_, cols_, rows_, Device::cpu()}; }

   private:
    index_t rows_, cols_;
    Lines<T> values_;
  };

  AdjointLanes(const RecurrenceAdjoint<T>& pass, const DenseCell<T>& cell,
               const ColumnSteps<T, Update>& steps);

  void run_side_by_side(const RecurrenceAdjoint<T>& pass);
  void make_g(const RecurrenceAdjoint<T>& pass, index_t t);
  void make_psi(const RecurrenceAdjoint<T>& pass, index_t t);
  void make_dh(const RecurrenceAdjoint<T>& pass, index_t t);

  DenseCell<T> cell_;              ///< B and D: the columns of h alone
  TransposeMemory A_, B_, C_, D_;  ///< of these
  LaneSolve<T, Update> solve_;
  LanePanel<T> x_, g_, dh_, next_dh_, gradient_;  ///< x becomes AX, gradient is dH
  Scratch scratch_;
};

extern template class RecurrentLanes<float>;
extern template class RecurrentLanes<double>;
extern template class AdjointLanes<float>;
extern template class AdjointLanes<double>;

}  // namespace idl::cpu
