// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "idl/device.hpp"
#include "idl/solver.hpp"
#include "kernels/linear_map.hpp"
#include "kernels/loop_updates.hpp"
#include "kernels/primitives.hpp"

/// A solve, described: X <- f(op(A)X) until every column has stopped. Backends read the description
/// and choose how to run it; steps_of() is what all of their ways must come to.
namespace idl {

/// f(S) = φ(S + Z), with norms in ℓ∞.
template <class T>
struct PicardMap {
  ConstMatrixView<T> Z;
  Activation activation;
};

/// f(W) = Ψ∘(W + G), with norms in ℓ1.
template <class T>
struct AdjointMap {
  ConstMatrixView<T> G;
  ConstMatrixView<T> Psi;
  /// What makes Ψ, before the first iteration; none where Ψ is there.
  std::optional<ActivationDerivative<T>> derivative{};
};

/// When a column stops: what UpdateStatus has beside the columns.
template <class T>
struct Decision {
  VectorView<const T> contraction{};
  T absolute = T(0);
  T relative = T(0);
  T rounding = T(0);
  bool certified = false;
  std::int32_t max_iterations = 0;
};

/// What Anderson acceleration keeps beside X: the points of AndersonMix.
template <class T>
struct AndersonHistory {
  MatrixView<T> Y;
  MatrixView<T> F_even;
  MatrixView<T> G_even;
  MatrixView<T> F_odd;
  MatrixView<T> G_odd;
  VectorView<T> accepted;
  VectorView<std::int32_t> points;
};

/// Where a solve begins.
enum class SolveStart : std::uint8_t {
  zero,    ///< at X = 0; the first iteration needs no product
  given,   ///< at the X that is there
  running  ///< at the X that is there, with those columns whose status is `running`
};

/// The iteration of X, n×m, with op(A) n×n. Columns are independent of each other. A launch applies
/// f at most decision.max_iterations times. What it leaves in `product`, in `inner` and in `mix` is
/// undefined, and so is Ψ where a derivative makes it.
template <class T>
struct FixedPoint {
  LinearMap<T> A;
  bool transpose = false;        ///< op(A) = Aᵀ
  bool batch_invariant = false;  ///< a column's bits depend on no other column, nor on its place
  MatrixView<T> X;
  MatrixView<T> product;  ///< n×m, for op(A)X
  /// inner_rows(A)×m, for what lies between the two products of A = LRᵀ; none for every other A.
  MatrixView<T> inner{};
  std::variant<PicardMap<T>, AdjointMap<T>> f;
  ColumnStatus<T> columns;
  VectorView<T> step_norms;
  VectorView<T> state_norms;
  Decision<T> decision;
  Sweep sweep = Sweep::jacobi;  ///< not automatic
  std::optional<AndersonHistory<T>> mix{};
  SolveStart start = SolveStart::zero;
  /// Products may be made in bfloat16 around exact residuals: Precision::automatic.
  bool low_precision = false;
};

/// Whether the first iteration is made from X = 0, without a product.
template <class T>
bool starts_from_zero(const FixedPoint<T>& solve) {
  return solve.start == SolveStart::zero && solve.decision.max_iterations > 0;
}

/// Whether f is made with an own activation, which is in no kernel of the library's.
template <class T>
bool applies_custom_activation(const FixedPoint<T>& solve) {
  const auto* picard = std::get_if<PicardMap<T>>(&solve.f);
  return picard != nullptr && picard->activation.kind == ActivationKind::custom;
}

/// Whether Ψ is made by the derivative of such a one.
template <class T>
bool makes_psi_by_custom_activation(const FixedPoint<T>& solve) {
  const auto* adjoint = std::get_if<AdjointMap<T>>(&solve.f);
  return adjoint != nullptr && adjoint->derivative &&
         adjoint->derivative->activation.kind == ActivationKind::custom;
}

/// The blocks of rows that are updated one after the other. With Sweep::jacobi all rows at once,
/// otherwise blocks of 32 rows, or of a sixteenth of all where that is more.
std::vector<RowBlock> row_blocks(Sweep sweep, index_t n);

/// Checks a description for a backend on `device`. @throws InvalidArgument
template <class T>
void validate(const FixedPoint<T>& solve, Device device);

/// X <- f(product), for all rows.
template <class T>
std::variant<PicardUpdate<T>, AdjointUpdate<T>> update_of(const FixedPoint<T>& solve);
/// The decision about all columns.
template <class T>
UpdateStatus<T> decision_of(const FixedPoint<T>& solve);
/// What goes on from the decision, where the solve is accelerated.
template <class T>
std::optional<AndersonMix<T>> mix_of(const FixedPoint<T>& solve);

/// What makes Ψ, and sets all columns running; nothing with SolveStart::running.
template <class T>
Sequence reset_of(const FixedPoint<T>& solve);

/// A solve as two straight sequences.
struct SolveSteps {
  Sequence start;      ///< once; with SolveStart::zero the first iteration is among it
  Sequence iteration;  ///< while columns.active[0] > 0
};
/// The generic loop: the oracle of all other ways to run a solve.
template <class T>
SolveSteps steps_of(const FixedPoint<T>& solve);

}  // namespace idl
