// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "host/solver/anderson.hpp"
#include "host/solver/iteration.hpp"
#include "idl/context.hpp"
#include "idl/solver.hpp"
#include "kernels/backend.hpp"

namespace idl::solver {

/// The adjoint of X = φ(AX + Z) at a computed X: V = Ψ∘(AᵀV + CᵀdY), Ψ = φ'(AX + Z).
/// A n×n, C q×n, Z and X n×m, dY q×m, V n×m, the result.
template <class T>
struct AdjointProblem {
  ConstMatrixView<T> A;
  ConstMatrixView<T> C;
  ConstMatrixView<T> Z;
  ConstMatrixView<T> X;
  ConstMatrixView<T> dY;
  MatrixView<T> V;
  Activation activation;
};

/// Fixed-point iteration of the adjoint, which contracts in ℓ1 per column by κ = L_φ‖A‖∞.
///
///   Ψ = φ'(AX + Z);  G = CᵀdY;  V = 0
///   repeat  W = AᵀV;  V <- Ψ∘(W + G);  decide per column     until no column is running
///
/// Per iteration 2n²m flops for W and five passes over n×m. The first iteration needs no product.
/// Source: El Ghaoui et al. 2021, section 6 (implicit differentiation).
template <class T>
class AdjointSolver {
 public:
  AdjointSolver(Context& context, const AdjointProblem<T>& problem, const Tolerance& tolerance,
                const LoopOptions& options = {});

  /// Enqueues the whole solve.
  void launch();
  /// What launch() launches, in this order.
  std::vector<std::shared_ptr<Program>> parts() const;
  const IterationState<T>& iteration() const { return iteration_; }
  /// Waits for the last solve and certifies it.
  SolveReport report() {
    SolveReport made;
    report(made);
    return made;
  }
  /// The same into a report whose memory is used again.
  void report(SolveReport& report);
  /// One iteration, as data.
  Sequence step();

 private:
  Sequence inputs();
  ActivationDerivative<T> derivative();
  Sequence first_step();
  void compile();
  AdjointUpdate<T> update();
  Sequence decision();
  void make_refinement();

  Context* context_;
  AdjointProblem<T> problem_;
  Tolerance tolerance_;
  LoopOptions options_;
  Matrix<T> Psi_;
  Matrix<T> G_;
  Matrix<T> W_;
  Vector<T> A_row_sums_;
  IterationState<T> iteration_;
  std::optional<AndersonHistory<T>> anderson_;
  std::unique_ptr<Refinement> refinement_;
  std::shared_ptr<Program> prelude_;
  std::shared_ptr<Program> loop_;
  std::unique_ptr<Program> norms_;
};

extern template class AdjointSolver<float>;
extern template class AdjointSolver<double>;

}  // namespace idl::solver
