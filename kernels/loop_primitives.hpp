// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "idl/activation.hpp"
#include "idl/csr_matrix.hpp"
#include "idl/detail/column_status.hpp"
#include "idl/matrix.hpp"
#include "idl/solver.hpp"
#include "kernels/base/bfloat16.hpp"

/// The primitives of which the solvers' loops are made; a part of kernels/primitives.hpp, whose
/// conventions hold.
namespace idl {

/// X(:,j) <- φ(S(:,j) + Z(:,j)) for each column whose status is `running`; other columns of X, and
/// their norms, stay untouched. All n×m. step_norms_j = max_i |X_new − X_old|,
/// state_norms_j = max_i |X_new|, with `join` of these and the norms that are there: those of other
/// rows of the same columns. A NaN anywhere in the column makes its step norm NaN.
template <class T>
struct PicardUpdate {
  ConstMatrixView<T> S;
  ConstMatrixView<T> Z;
  MatrixView<T> X;
  Activation activation;
  VectorView<T> step_norms;
  VectorView<T> state_norms;
  VectorView<const std::uint8_t> status;
  bool join = false;
};

/// Psi <- φ'(S + Z), all n×m. Psi may be S.
template <class T>
struct ActivationDerivative {
  ConstMatrixView<T> S;
  ConstMatrixView<T> Z;
  MatrixView<T> Psi;
  Activation activation;
};

/// V(:,j) <- Psi(:,j) ∘ (W(:,j) + G(:,j)) for each column whose status is `running`. All n×m.
/// step_norms_j = Σ_i |V_new − V_old| and state_norms_j = Σ_i |V_new|: the adjoint map contracts in
/// ℓ1. `join` and NaN as in PicardUpdate.
template <class T>
struct AdjointUpdate {
  ConstMatrixView<T> W;
  ConstMatrixView<T> G;
  ConstMatrixView<T> Psi;
  MatrixView<T> V;
  VectorView<T> step_norms;
  VectorView<T> state_norms;
  VectorView<const std::uint8_t> status;
  bool join = false;
};

/// Rows of a column that substitution takes together, at most.
inline constexpr index_t k_most_substituted_rows = 64;

/// An update, k×m with k <= k_most_substituted_rows, in which each row sees those that came before
/// it: with op(A) in the place of A,
///   X_i <- f_i(S_i + Σ_j A_ij X_j)   for i = k−1, k−2, …, 0, over j > i,
/// and with `transpose`, op(A) = Aᵀ, for i = 0, 1, …, k−1, over j < i. A is k×k; what lies on and
/// below its diagonal is not looked at. X is the answer, so that there is no step: step_norms_j =
/// 0, or NaN where state_norms_j is. With `join` state_norms joins what is there, as in the update.
template <class T>
struct Substitute {
  ConstMatrixView<T> A;
  bool transpose = false;
  std::variant<PicardUpdate<T>, AdjointUpdate<T>> update;
};

/// C <- B Aᵀ with sparse A (n×k), B m×k, C m×n: AX where samples lie in rows, so that those of one
/// state are neighbours. Repeats its bits. While a program with this step lives, the pattern of A
/// and the place of its values stay as they are.
template <class T>
struct SampleSpmm {
  ConstCsrView<T> A;
  ConstMatrixView<T> B;
  MatrixView<T> C;
};

/// An update of samples that lie in rows: all its matrices are m×n, and what the update says of
/// columns holds for rows here. With X the state of the update (X or V), for each sample j,
///   X(j,:) <- f(S(j,:)), norms against from(j,:)   where its status is `running`,
///   X(j,:) <- from(j,:)                            elsewhere.
/// S is that of the update (S or W), and `from` may then be X; with A, which is n×n, S = from·Aᵀ,
/// made on the way, and that of the update is not looked at. The bits of a sample depend on no
/// other sample. `join` must be false.
template <class T>
struct SampleUpdate {
  std::variant<PicardUpdate<T>, AdjointUpdate<T>> update;
  ConstMatrixView<T> from;
  std::optional<ConstCsrView<T>> A{};
};

/// The rows of a strictly upper triangular A, or of its transpose, by levels: the entries of a row
/// lie in columns whose rows belong to levels before its own.
struct RowLevels {
  VectorView<const std::int32_t> rows{};     ///< level after level, ascending in each
  VectorView<const std::int64_t> offsets{};  ///< where each level begins in `rows`, and their end
};

/// An update in which each row sees those of the levels before its own:
///   X_i <- f_i(S_i + Σ_j A_ij X_j)   over the stored entries of row i.
/// A is n×n and all of its rows are in `levels`, which nobody checks against its pattern. The norms
/// are those of Substitute.
template <class T>
struct SubstituteByLevels {
  ConstCsrView<T> A;
  RowLevels levels;
  std::variant<PicardUpdate<T>, AdjointUpdate<T>> update;
};

/// status <- running, iterations <- 0, best_steps <- +inf, stalled <- 0, fallbacks <- 0,
/// low_iterations <- 0, active <- m; step_norms <- +inf, state_norms <- 0. With lengths, of m
/// sequences that may have ended, where not lengths_j > step: status <- converged, step_norms <- 0,
/// and active <- the number of the others.
template <class T>
struct ResetStatus {
  ColumnStatus<T> columns;
  VectorView<T> step_norms;
  VectorView<T> state_norms;
  VectorView<const std::int32_t> lengths{};  ///< optional
  index_t step = 0;
};

/// One step of m sequences, all r×m. Where lengths_j > step: Y(:,j) <- X(:,j), or Y(:,j) + X(:,j)
/// with `add`. Elsewhere the sequence has ended: Y(:,j) <- 0, or stays as it is with `keep`,
/// whatever X(:,j) holds. X without columns is 0.
template <class T>
struct CopyStep {
  ConstMatrixView<T> X{};
  MatrixView<T> Y{};
  VectorView<const std::int32_t> lengths{};
  index_t step = 0;
  bool add = false;
  bool keep = false;
};

/// Decides, for each running column, whether it goes on. With step = step_norms_j, x =
/// state_norms_j and κ = contraction[0] (1 element; optional), in this order:
///   iterations_j += 1
///   step or x not finite                                         -> diverged
///   f·step <= absolute + relative·x, or step == 0                -> converged
///     (f = 1; with `certified` f = κ/(1−κ), or +inf unless κ < 1)
///   step has not fallen below best_steps_j for `k_stagnation_window` iterations,
///     and step <= rounding·x                                     -> stagnated
///   iterations_j >= max_iterations                               -> max_iterations
/// A column that stops lowers active by one.
template <class T>
struct UpdateStatus {
  VectorView<const T> step_norms;
  VectorView<const T> state_norms;
  ColumnStatus<T> columns;
  VectorView<const T> contraction{};
  T absolute = T(0);
  T relative = T(0);
  T rounding = T(0);
  bool certified = false;
  std::int32_t max_iterations = 0;
};

/// One step of Anderson acceleration of depth 2, safeguarded, for each column whose status is still
/// `running` after UpdateStatus. In column j, X holds F = f(Y), the map's value where Y is; with
/// G = F − Y, p = points_j (0 where iterations_j == 1) and (F_i, G_i) the last min(p, 2) points:
///   p >= 2 and not step_norms_j <= k_anderson_decrease·accepted_j, the mixed point was no good:
///     X <- F of the last point, points_j <- 0, fallbacks_j += 1
///   otherwise
///     X <- F − Σ γ_i (F − F_i), where γ minimises ‖G − Σ γ_i (G − G_i)‖₂
///     (kernels/math/anderson.hpp) (F, G) becomes the newest point, accepted_j <- step_norms_j,
///     points_j <- p + 1
/// and Y <- X. All matrices n×m. Where a step of the plain iteration contracts by κ, so do two of
/// these by max(κ, k_anderson_decrease) at least.
/// Source: Anderson 1965; Walker, Ni, "Anderson acceleration for fixed-point iterations", SIAM J.
/// Numer. Anal. 49 (2011).
template <class T>
struct AndersonMix {
  MatrixView<T> X;
  MatrixView<T> Y;
  MatrixView<T> F_even;  ///< the points with even numbers, and so on
  MatrixView<T> G_even;
  MatrixView<T> F_odd;
  MatrixView<T> G_odd;
  VectorView<T> accepted;
  VectorView<std::int32_t> points;
  VectorView<std::int32_t> fallbacks;
  VectorView<const T> step_norms;
  VectorView<const std::uint8_t> status;
  VectorView<const std::int32_t> iterations;
};

/// A mixed point is kept only if its residual is below this times that of the point before.
inline constexpr double k_anderson_decrease = 0.95;

/// Y <- X − X0, rounded to the nearest bfloat16 (ties to even); X0 is optional (no columns: 0).
struct RoundToBFloat16 {
  ConstMatrixView<float> X;
  ConstMatrixView<float> X0{};
  MatrixView<BFloat16> Y;
};

/// C <- op(A) B with A and B in bfloat16, C and all sums in float.
struct LowGemm {
  ConstMatrixView<BFloat16> A;
  ConstMatrixView<BFloat16> B;
  MatrixView<float> C;
  bool transpose_A = false;
};

/// The columns of a refinement's inner loop; one entry per column, `active` has one element.
struct InnerColumns {
  VectorView<std::uint8_t> status;  ///< SolveStatus; `running`: in the inner loop
  VectorView<float> targets;        ///< the step at which a column may leave it
  VectorView<float> best_steps;
  VectorView<std::int32_t> stalled;
  VectorView<std::int32_t> active;
};

/// After UpdateStatus: columns whose status is `running` enter the inner loop, with
///   targets_j <- max((absolute + relative·x) / 2f, 10⁻²·step)   (f, x, step as in UpdateStatus),
/// best_steps_j <- +inf, stalled_j <- 0; the others get the inner status `converged`.
struct BeginRefinement {
  VectorView<const std::uint8_t> status;
  VectorView<const float> step_norms;
  VectorView<const float> state_norms;
  InnerColumns inner;
  VectorView<const float> contraction{};
  float absolute = 0;
  float relative = 0;
  bool certified = false;
};

/// low_iterations_j += 1 for each column in the inner loop. It leaves where step_norms_j <=
/// targets_j or is not finite, and where the step has not fallen by 2 % for k_stagnation_window
/// iterations: then it is the rounding of the low precision that is left.
struct UpdateRefinement {
  VectorView<const float> step_norms;
  InnerColumns inner;
  VectorView<std::int32_t> low_iterations;
};

/// indices_k <- the k-th column whose status is `running`, in ascending order, and −1 after the
/// last; −1 everywhere if more than indices.size are running.
struct ListRunning {
  VectorView<const std::uint8_t> status;
  VectorView<std::int32_t> indices;
};

/// The entries of a loop's vectors that belong to some columns of a batch.
template <class T>
struct ColumnEntries {
  ColumnStatus<T> columns;  ///< active and fallbacks are left alone
  VectorView<T> step_norms;
  VectorView<T> state_norms;
};

/// For each k with indices_k = j >= 0: part_k <- whole_j, or whole_j <- part_k with `back`. Without
/// `back`, where indices_k < 0 the status of part_k becomes `converged`: nothing runs there.
template <class T>
struct MoveStatus {
  ColumnEntries<T> whole;
  ColumnEntries<T> part;
  VectorView<const std::int32_t> indices;
  bool back = false;
};

/// Y(:,k) <- X(:,indices_k), k < count = indices.size; X has any number of columns. An index of −1
/// moves nothing.
template <class T>
struct GatherColumns {
  ConstMatrixView<T> X;
  VectorView<const std::int32_t> indices;
  MatrixView<T> Y;
};

/// Y(:,indices_k) <- X(:,k); indices are distinct, and −1 moves nothing.
template <class T>
struct ScatterColumns {
  ConstMatrixView<T> X;
  VectorView<const std::int32_t> indices;
  MatrixView<T> Y;
};

}  // namespace idl
