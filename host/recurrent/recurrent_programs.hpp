// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "host/model/structure/structure.hpp"
#include "host/solver/anderson_memory.hpp"
#include "host/solver/iteration_state.hpp"
#include "idl/recurrent.hpp"
#include "kernels/program.hpp"
#include "kernels/recurrence.hpp"

namespace idl {

/// A matrix with ld == rows, zero at first: byte for byte a batch-first array.
template <class T>
class ContiguousMatrix {
 public:
  ContiguousMatrix() = default;
  ContiguousMatrix(Context& context, index_t rows, index_t cols);
  MatrixView<T> view() const { return view_; }

 private:
  Vector<T> values_;
  MatrixView<T> view_;
};

/// Steps of which the working matrices hold all states at a time.
struct StepRange {
  index_t first;
  index_t count;
};

/// The memory of a recurrent pass, and what it is made of as programs. Working matrices hold the
/// steps of a range one after the other, as Recurrence has it; X and U are stacked in one matrix,
/// and so are V and g: then the gradient is one product over all columns of a range.
template <class T>
class RecurrentPrograms {
 public:
  /// The options are valid.
  RecurrentPrograms(Context& context, const ImplicitRnn<T>& model, index_t sequences, index_t steps,
                    const RecurrentPassOptions& options);

  /// Whatever is launched for the forward pass, in order; the model's Y among it.
  Programs forward_parts();
  /// The same of the backward pass; dH is read from when d_outputs was made.
  Programs backward_parts();
  /// What the certificates of the last pass need beside the norms of its loops.
  Sequence forward_norms();
  Sequence backward_norms();
  /// All that follows from the lengths, after they have changed.
  void use_lengths();
  /// Makes d_outputs, which later backward_parts() read.
  void make_d_outputs();

  ModelMaps<T> maps() const { return structure->maps(M); }

  Context* context;
  ConstMatrixView<T> M;                           ///< parameters of the cell
  ConstMatrixView<T> head;                        ///< likewise; empty where there is none
  ModelOptions cell;                              ///< how the cell was made
  std::shared_ptr<const Structure<T>> structure;  ///< of the cell
  index_t m;                                      ///< sequences
  index_t steps;                                  ///< T
  RecurrentPassOptions options;
  RecurrentShape shape;
  SolverOptions method;           ///< those of the pass, with nothing automatic
  std::vector<StepRange> ranges;  ///< all steps, in order
  Vector<std::int32_t> lengths;

  ContiguousMatrix<T> x;
  ContiguousMatrix<T> h0;
  ContiguousMatrix<T> H;  ///< outputs
  ContiguousMatrix<T> last;
  ContiguousMatrix<T> Y;
  ContiguousMatrix<T> d_outputs;
  ContiguousMatrix<T> d_last;
  ContiguousMatrix<T> dY;
  ContiguousMatrix<T> dx;
  ContiguousMatrix<T> dh;  ///< becomes dh0
  Matrix<T> dM;
  Matrix<T> d_head;
  solver::IterationState<T> equilibrium;             ///< of all steps
  std::optional<solver::IterationState<T>> adjoint;  ///< likewise

 private:
  bool solves_again() const { return ranges.size() > 1; }
  index_t kept() const { return ranges.front().count; }
  MatrixView<T> X() { return XU_.view().row_range(0, shape.states); }
  MatrixView<T> U() { return XU_.view().row_range(shape.states, XU_.rows() - shape.states); }
  MatrixView<T> V() { return Vg_.view().row_range(0, shape.states); }
  MatrixView<T> g() { return Vg_.view().row_range(shape.states, shape.hidden); }
  MatrixView<T> steps_kept(MatrixView<T> matrix, const StepRange& range) const {
    return matrix.columns(0, range.count * m);
  }
  MatrixView<T> X_before(std::size_t range) {
    return X_before_.view().columns(static_cast<index_t>(range) * m, m);
  }
  MatrixView<T> h_before(std::size_t range) {
    return h_before_.view().columns(static_cast<index_t>(range) * m, m);
  }

  void prepare_backward();
  /// Of the steps of a range, whose entries in `iteration` begin at those of step `first`.
  RecurrentLoop<T> loop(const solver::IterationState<T>& iteration, const Tolerance& tolerance,
                        const StepRange& range, index_t first);
  /// What a pass over a range and its adjoint have in common.
  template <class Pass>
  Pass pass_over(const StepRange& range, const ModelMaps<T>& maps);
  /// The solves of a range from `h`, forward or again.
  Recurrence<T> recurrence(std::size_t number, bool again);
  RecurrenceAdjoint<T> recurrence_adjoint(std::size_t number);
  /// The row of ones in U, at the steps that there are.
  Sequence bias(const StepRange& range);
  Sequence norms_of_U(const StepRange& range);
  Sequence norms_of_g(const StepRange& range);
  Sequence head_forward();
  Sequence head_backward();
  /// dM and dx of a range; the first range that is launched begins dM.
  Sequence gradients(const StepRange& range, bool begins);

  Matrix<T> XU_;
  Matrix<T> Z_;
  Matrix<T> Vg_;
  Matrix<T> product_;
  Matrix<T> inner_;
  Matrix<T> output_;  ///< hidden×m, of one step
  Matrix<T> ones_;    ///< 1×m
  Matrix<T> Psi_;
  Matrix<T> G_;
  Matrix<T> dU_;
  Matrix<T> dM_part_;
  Matrix<T> gradient_inner_;
  Vector<T> transposes_;
  Vector<T> A_sums_, B_sums_, C_sums_, partial_sums_;
  std::optional<solver::AndersonMemory<T>> anderson_;
  // Where each range begins, and what is solved there again.
  Matrix<T> X_before_;
  Matrix<T> h_before_;
  Matrix<T> h_again_;
  Matrix<T> V_after_;
  std::optional<solver::IterationState<T>> again_;
};

extern template class ContiguousMatrix<float>;
extern template class ContiguousMatrix<double>;
extern template class RecurrentPrograms<float>;
extern template class RecurrentPrograms<double>;

}  // namespace idl
