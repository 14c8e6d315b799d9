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

/// The equilibrium X = φ(AX + BU): A n×n, B n×p', U p'×m (with the row of ones where there is a
/// bias), X n×m, the result.
template <class T>
struct EquilibriumProblem {
  ConstMatrixView<T> A;
  ConstMatrixView<T> B;
  ConstMatrixView<T> U;
  MatrixView<T> X;
  Activation activation;
};

/// Picard iteration, written once for every device.
///
///   Z = BU
///   repeat  S = AX;  X <- φ(S + Z);  decide per column     until no column is running
///
/// Per iteration 2n²m flops for S and five passes over n×m. From X = 0 the first iteration needs no
/// product, since S = 0. Columns are independent: each stops by its own status. Those that go on
/// may be accelerated (anderson.hpp), and rows may see those above them (sweep.hpp). Source: El
/// Ghaoui et al. 2021, section 2.4.
template <class T>
class PicardSolver {
 public:
  PicardSolver(Context& context, const EquilibriumProblem<T>& problem, const Tolerance& tolerance,
               const LoopOptions& options = {});

  /// Later solves start from X0 (copied now), or from zero. Returns whether parts() are others now.
  bool start_from(std::optional<ConstMatrixView<T>> X0);
  /// Enqueues the whole solve.
  void launch();
  /// What launch() launches, in this order, until start_from() is called.
  std::vector<std::shared_ptr<Program>> parts() const;

  /// Z = BU of the last solve, n×m.
  ConstMatrixView<T> Z() const { return Z_.view(); }
  const IterationState<T>& iteration() const { return iteration_; }

  /// Waits for the last solve and certifies it. Parameters and U must not have changed since.
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
  Sequence first_step();
  PicardUpdate<T> update();
  Sequence decision();
  bool starts_from_zero() const { return X0_.rows() == 0 && tolerance_.max_iterations > 0; }
  void make_refinement();
  void compile();

  Context* context_;
  EquilibriumProblem<T> problem_;
  Tolerance tolerance_;
  LoopOptions options_;
  Matrix<T> Z_;
  Matrix<T> S_;
  Matrix<T> X0_;
  Vector<T> A_row_sums_;
  Vector<T> B_row_sums_;
  IterationState<T> iteration_;
  std::optional<AndersonHistory<T>> anderson_;
  std::unique_ptr<Refinement> refinement_;
  std::shared_ptr<Program> prelude_;
  std::shared_ptr<Program> loop_;
  std::unique_ptr<Program> norms_;
};

extern template class PicardSolver<float>;
extern template class PicardSolver<double>;

}  // namespace idl::solver
