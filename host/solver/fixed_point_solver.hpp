// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "host/solver/anderson_memory.hpp"
#include "host/solver/problem.hpp"
#include "idl/context.hpp"
#include "idl/solver.hpp"
#include "kernels/backend.hpp"

namespace idl::solver {

/// The solver of both fixed points, written once for every device and every kind of A.
///
///   F = BU, or G = CᵀdY with Ψ = φ'(AX + Z)
///   repeat  S = op(A)X;  X <- f(S);  decide per column     until no column is running
///
/// f(S) is φ(S + Z) or Ψ∘(S + G). Per iteration one product and five passes over n×m. From X = 0
/// the first iteration needs no product, since S = 0. Columns are independent: each stops by its
/// own status. Those that go on may be accelerated (anderson_memory.hpp), and rows may see those
/// above them (Sweep::gauss_seidel). How the loop is run, the backend decides
/// (kernels/fixed_point.hpp).
template <class T>
class FixedPointSolver {
 public:
  /// By options.forward. What is `automatic` in the options is plain Picard iteration.
  FixedPointSolver(Context& context, const EquilibriumProblem<T>& problem,
                   const SolverOptions& options = {});
  /// By options.adjoint, likewise.
  FixedPointSolver(Context& context, const AdjointProblem<T>& problem,
                   const SolverOptions& options = {});

  /// Later solves start from X0 (copied now), or from zero. Returns whether parts() are others now.
  bool start_from(std::optional<ConstMatrixView<T>> X0);
  /// Enqueues what comes before the loop: Z or G, and the start where one is given.
  void prepare() { inputs_->launch(); }
  /// Enqueues the whole solve.
  void launch();
  /// What launch() launches, in this order, until start_from() is called.
  Programs parts() const { return {inputs_, loop_}; }
  /// The whole solve as steps_of() has it. Waits for each iteration, and calls `look` then.
  void launch_by_iterations(const std::function<void(const IterationRecord&)>& look);
  /// How the loop is run.
  LoopStrategy strategy() const { return loop_->strategy(); }

  /// Z or G of the last solve, n×m.
  ConstMatrixView<T> forcing() const { return memory_.forcing.view(); }
  const IterationState<T>& iteration() const { return memory_.iteration; }

  /// Waits for the last solve and certifies it. Parameters and inputs must not have changed since.
  SolveReport report() {
    SolveReport made;
    report(made);
    return made;
  }
  /// The same into a report whose memory is used again.
  void report(SolveReport& report);

  /// The loop, as it is given to the backend.
  FixedPoint<T> description();

 private:
  /// |A|v on the device; made when a bound first asks for it.
  struct AbsProgram {
    AbsProgram(Context& context, const LinearMap<T>& A);
    Vector<double> v;
    Vector<double> product;
    Vector<double> partial;
    std::unique_ptr<Program> program;
  };
  template <class Problem>
  FixedPointSolver(Context& context, const Problem& problem, const Tolerance& tolerance,
                   const SolverOptions& options);
  /// A bound of ‖(I − L_φ|A|)⁻¹‖∞ from a Perron vector.
  double gain();
  LinearMap<T> A() const;
  MatrixView<T> X() const;
  Activation activation() const;
  Sequence inputs();
  void compile();

  Context* context_;
  std::variant<EquilibriumProblem<T>, AdjointProblem<T>> problem_;
  Tolerance tolerance_;
  SolverOptions options_;
  SolverMemory<T> memory_;
  Matrix<T> X0_;
  std::optional<AndersonMemory<T>> anderson_;
  std::shared_ptr<Program> inputs_;
  std::shared_ptr<Program> loop_;
  bool iterated_ = false;  ///< by launch_by_iterations(), whatever the strategy of loop_
  std::unique_ptr<Program> norms_;
  std::optional<AbsProgram> abs_;
};

extern template class FixedPointSolver<float>;
extern template class FixedPointSolver<double>;

}  // namespace idl::solver
