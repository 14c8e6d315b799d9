// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "idl/matrix.hpp"
#include "kernels/fixed_point.hpp"
#include "kernels/linear_map.hpp"
#include "kernels/primitives.hpp"

/// A recurrent pass over several steps, described. Backends read the description and choose how to
/// run it (Backend::compile); compile_steps() is what all of their ways must come to.
///
/// m sequences, of which a description covers the steps first, first + 1, ..., first + k − 1. Its
/// working matrices hold these k steps one after the other: step first + t of sequence b is column
/// t·m + b, and so is its entry in the vectors of the loop. The matrices of the caller hold whole
/// sequences of T >= first + k steps: step t of sequence b is column b·T + t, so that one step of
/// all sequences is a view with ld·T (step_of()). A sequence has a step t where t < lengths_b. A
/// step that it has not is zero in all working matrices and in H, its status is `converged`, and it
/// has taken no iteration.
namespace idl {

/// What the solves of all steps share, forward or adjoint; m columns of working memory, n states.
template <class T>
struct RecurrentLoop {
  bool batch_invariant = false;
  MatrixView<T> product;      ///< n×m
  MatrixView<T> inner{};      ///< inner_rows×m, of the map that has the most
  MatrixView<T> output;       ///< hidden×m
  ColumnStatus<T> columns;    ///< k·m entries, `active` one element
  VectorView<T> step_norms;   ///< k·m
  VectorView<T> state_norms;  ///< k·m
  Decision<T> decision;
  Sweep sweep = Sweep::jacobi;              ///< not automatic
  std::optional<AndersonHistory<T>> mix{};  ///< n×m
  bool low_precision = false;
  bool warm_start = true;  ///< a step's iteration begins where that of its neighbour has ended
};

/// For t = first, ..., first + k − 1, in each sequence that has the step,
///   u_t = [x_t; h; 1],  X_t = φ(A X_t + B u_t) by iteration,  h <- C X_t + D u_t,  H_t = h.
/// Rows of U: those of x first, then those of h, then what is there already (a row of ones at the
/// steps that there are, 0 elsewhere, where the model has a bias).
template <class T>
struct Recurrence {
  LinearMap<T> A;                   ///< n×n
  LinearMap<T> B;                   ///< n×p'
  LinearMap<T> C;                   ///< hidden×n
  std::optional<LinearMap<T>> D{};  ///< hidden×p'
  Activation activation;
  VectorView<const std::int32_t> lengths;  ///< m
  index_t first = 0;
  index_t apart = 0;     ///< columns from one step to the next in working matrices; 0: m
  ConstMatrixView<T> x;  ///< inputs×(T·m), the caller's; read at the steps that there are alone
  MatrixView<T> X;       ///< n×(k·m)
  MatrixView<T> U;       ///< p'×(k·m); x and h are written
  MatrixView<T> Z;       ///< n×(k·m): BU
  MatrixView<T> H{};     ///< hidden×(T·m), the caller's order; no columns: not wanted
  MatrixView<T> h;       ///< hidden×m: h before step `first`, becomes the last h of each sequence
  ConstMatrixView<T> X_before{};  ///< n×m, where step `first` begins; no columns: at zero
  bool keeps_states = true;  ///< X and Z are wanted afterwards; otherwise they may become anything
  RecurrentLoop<T> loop;
};

/// The adjoint of a Recurrence at its X and Z. For t = first + k − 1, ..., first, in each sequence
/// that has the step,
///   g_t = dH_t + dh,  V_t = Ψ_t∘(AᵀV_t + Cᵀg_t) by iteration, Ψ_t = φ'(AX_t + Z_t),
///   dh <- B_hᵀV_t + D_hᵀg_t.
/// Source: backpropagation through time with implicit differentiation (El Ghaoui et al. 2021,
/// section 6).
template <class T>
struct RecurrenceAdjoint {
  LinearMap<T> A;  ///< all of them able to multiply as transposes
  LinearMap<T> B;
  LinearMap<T> C;
  std::optional<LinearMap<T>> D{};
  Activation activation;
  VectorView<const std::int32_t> lengths;  ///< m
  index_t first = 0;
  index_t apart = 0;        ///< columns from one step to the next in working matrices; 0: m
  index_t inputs = 0;       ///< rows of x in U
  ConstMatrixView<T> X;     ///< n×(k·m)
  ConstMatrixView<T> Z;     ///< n×(k·m)
  ConstMatrixView<T> dH{};  ///< hidden×(T·m), the caller's; no columns: 0
  MatrixView<T> dh;  ///< hidden×m: ∂ℓ/∂h after the last step, becomes that before `first`
  MatrixView<T> V;   ///< n×(k·m)
  MatrixView<T> g;   ///< hidden×(k·m): g_t
  ConstMatrixView<T> V_after{};  ///< n×m, where the last step begins; no columns: at zero
  MatrixView<T> Psi;             ///< n×m
  MatrixView<T> G;               ///< n×m: Cᵀg_t
  /// dh becomes 0 before each step that is a multiple of this, but step 0; 0: never.
  index_t truncate = 0;
  RecurrentLoop<T> loop;
};

/// Step t of a working matrix of steps of m sequences.
template <class View>
View working_step(View matrix, index_t t, index_t m) {
  return matrix.columns(t * m, m);
}
/// Step t of a matrix of the caller, of m sequences.
template <class View>
View step_of(View matrix, index_t t, index_t m) {
  const index_t steps = m > 0 ? matrix.cols / m : 0;
  matrix.data += t * matrix.ld;
  matrix.cols = m;
  matrix.ld *= steps;
  return matrix;
}

/// Columns from one step to the next in working matrices of a pass or of its adjoint.
template <class Pass>
index_t apart_in(const Pass& pass) {
  return pass.apart > 0 ? pass.apart : pass.lengths.size;
}
template <class Pass>
index_t steps_in(const Pass& pass) {
  const index_t m = pass.lengths.size;
  return m > 0 ? (pass.X.cols - m) / apart_in(pass) + 1 : 0;
}
/// Step first + t of a working matrix.
template <class Pass, class View>
View step_in(const Pass& pass, View matrix, index_t t) {
  return matrix.columns(t * apart_in(pass), pass.lengths.size);
}

/// The entries of columns [first, first + count).
template <class T>
ColumnStatus<T> columns_of(const ColumnStatus<T>& all, index_t first, index_t count);

/// The same steps of sequences [first, first + count) alone, whose running columns are counted in
/// `active`. What all sequences have is in the same place as before.
template <class T>
Recurrence<T> sequences_of(const Recurrence<T>& pass, index_t first, index_t count,
                           VectorView<std::int32_t> active);
template <class T>
RecurrenceAdjoint<T> sequences_of(const RecurrenceAdjoint<T>& pass, index_t first, index_t count,
                                  VectorView<std::int32_t> active);

/// The steps t in the order in which they run.
template <class T>
std::vector<index_t> order_of(const Recurrence<T>& pass);
template <class T>
std::vector<index_t> order_of(const RecurrenceAdjoint<T>& pass);

/// The solve of step first + t. It starts from what its part of X, or V, holds, with the columns
/// whose status is `running`.
template <class T>
FixedPoint<T> solve_of(const Recurrence<T>& pass, index_t t);
/// The same of an adjoint.
template <class T>
FixedPoint<T> solve_of(const RecurrenceAdjoint<T>& pass, index_t t);

/// Columns of B, from the first one on, whose product with x is made for all steps together.
template <class T>
index_t inputs_beforehand(const Recurrence<T>& pass);
/// x of step first + t, into its place in U.
template <class T>
CopyStep<T> x_into_U(const Recurrence<T>& pass, index_t t);
/// What is done for all steps at once, before them.
template <class T>
Sequence steps_at_first(const Recurrence<T>& pass);
template <class T>
Sequence steps_at_first(const RecurrenceAdjoint<T>& pass);
/// What comes before the solve of step first + t, and after it.
template <class T>
Sequence steps_before(const Recurrence<T>& pass, index_t t);
template <class T>
Sequence steps_after(const Recurrence<T>& pass, index_t t);
template <class T>
Sequence steps_before(const RecurrenceAdjoint<T>& pass, index_t t);
template <class T>
Sequence steps_after(const RecurrenceAdjoint<T>& pass, index_t t);

/// Checks a description for a backend on `device`. @throws InvalidArgument
template <class T>
void validate(const Recurrence<T>& pass, Device device);
template <class T>
void validate(const RecurrenceAdjoint<T>& pass, Device device);

class Backend;
class Program;
/// Step after step, each with a loop of its own (kernels/loop/recurrent.cpp): the oracle of all
/// other ways. The description is valid.
template <class T>
std::unique_ptr<Program> compile_steps(Backend& backend, const Recurrence<T>& pass);
template <class T>
std::unique_ptr<Program> compile_steps(Backend& backend, const RecurrenceAdjoint<T>& pass);

}  // namespace idl
