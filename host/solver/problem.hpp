// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <limits>

#include "host/solver/certificates.hpp"
#include "host/solver/iteration_state.hpp"
#include "idl/context.hpp"
#include "idl/matrix.hpp"
#include "idl/solver.hpp"
#include "kernels/fixed_point.hpp"

/// The two fixed points of an implicit model, and all in which they differ for their solver.
namespace idl::solver {

/// Working memory of a solve.
template <class T>
struct SolverMemory {
  /// For A, and B or C beside it.
  SolverMemory(Context& context, index_t n, index_t m, const LinearMap<T>& A,
               const LinearMap<T>& other)
      : forcing(context, n, m),
        product(context, n, m),
        inner(context, std::max(inner_rows(A), inner_rows(other)), m),
        partial_sums(context, std::max(idl::partial_sums(A), idl::partial_sums(other))),
        A_row_sums(context, n),
        B_row_sums(context, n),
        iteration(context, m) {}

  Matrix<T> forcing;  ///< Z = BU, or G = CᵀdY
  Matrix<T> product;  ///< AX, or AᵀV
  Matrix<T> inner;    ///< RᵀX, or LᵀV, where A = LRᵀ
  Vector<T> partial_sums;
  Matrix<T> Psi{};  ///< of the adjoint
  Vector<T> A_row_sums;
  Vector<T> B_row_sums;  ///< of the equilibrium
  IterationState<T> iteration;
};

/// What the certificates of a solve with A need to know; of the equilibrium with B, whose columns
/// are `inputs`.
template <class T>
Arithmetic arithmetic_of(const LinearMap<T>& A, index_t inputs, const Activation& activation) {
  return {.unit_roundoff = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2.0,
          .least_normal = static_cast<double>(std::numeric_limits<T>::min()),
          .rows = static_cast<double>(rows(A)),
          .states = static_cast<double>(terms_per_row(A)),
          .inputs = static_cast<double>(inputs),
          .has_factors = std::holds_alternative<LowRankMap<T>>(A),
          .activation = activation};
}

/// The steps of ‖A‖∞, and where A = LRᵀ of ‖L‖∞, or for its transpose of ‖R‖∞, into `iteration`;
/// the sums are working memory.
template <class T>
Sequence norms_of_A(const LinearMap<T>& A, bool transpose, VectorView<T> row_sums,
                    VectorView<T> partial_sums, const IterationState<T>& iteration);

/// When a column of a loop with such sums stops.
template <class T>
Decision<T> decision_of(const Tolerance& tolerance, index_t terms,
                        const IterationState<T>& iteration);

/// The steps of κ = L_φ‖A‖∞ into `iteration`, where the rule of `tolerance` asks for it; the sums
/// are working memory.
template <class T>
Sequence contraction_steps(const Tolerance& tolerance, const LinearMap<T>& A,
                           const Activation& activation, VectorView<T> row_sums,
                           VectorView<T> partial_sums, const IterationState<T>& iteration);

/// The equilibrium X = φ(AX + BU): A n×n, B n×p', U p'×m (with the row of ones where there is a
/// bias), X n×m, the result. It contracts in ℓ∞ per column by κ = L_φ‖A‖∞.
/// Source: El Ghaoui et al. 2021, section 2.4.
template <class T>
struct EquilibriumProblem {
  LinearMap<T> A;
  LinearMap<T> B;
  ConstMatrixView<T> U;
  MatrixView<T> X;
  Activation activation;

  MatrixView<T> state() const { return X; }
  SolverMemory<T> make_memory(Context& context) const;
  /// Z = BU.
  Sequence inputs(SolverMemory<T>& memory, bool batch_invariant) const;
  /// X <- φ(AX + Z), on working memory.
  FixedPoint<T> iteration(SolverMemory<T>& memory) const;
  /// Of A, B and U: what the certificate is made of beside the norms of the loop.
  Sequence norms(SolverMemory<T>& memory) const;
  /// Into `report`, whose memory is used again.
  void certify(const IterationRecord& record, const GainFallback& fallback,
               SolveReport& report) const;
};

/// The adjoint of X = φ(AX + Z) at a computed X: V = Ψ∘(AᵀV + CᵀdY), Ψ = φ'(AX + Z).
/// A n×n, C q×n, Z and X n×m, dY q×m, V n×m, the result. It contracts in ℓ1 per column by the same
/// κ. Source: El Ghaoui et al. 2021, section 6 (implicit differentiation).
template <class T>
struct AdjointProblem {
  LinearMap<T> A;
  LinearMap<T> C;
  ConstMatrixView<T> Z;
  ConstMatrixView<T> X;
  ConstMatrixView<T> dY;
  MatrixView<T> V;
  Activation activation;

  MatrixView<T> state() const { return V; }
  SolverMemory<T> make_memory(Context& context) const;
  /// AX in the place of Ψ, and G = CᵀdY.
  Sequence inputs(SolverMemory<T>& memory, bool batch_invariant) const;
  /// V <- Ψ∘(AᵀV + G), on working memory.
  FixedPoint<T> iteration(SolverMemory<T>& memory) const;
  /// Of A and G.
  Sequence norms(SolverMemory<T>& memory) const;
  /// Into `report`, whose memory is used again.
  void certify(const IterationRecord& record, const GainFallback& fallback,
               SolveReport& report) const;
};

extern template struct EquilibriumProblem<float>;
extern template struct EquilibriumProblem<double>;
extern template struct AdjointProblem<float>;
extern template struct AdjointProblem<double>;

}  // namespace idl::solver
