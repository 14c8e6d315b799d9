// SPDX-License-Identifier: MIT
#pragma once

#include "host/solver/iteration_state.hpp"
#include "idl/context.hpp"
#include "idl/matrix.hpp"
#include "kernels/primitives.hpp"

namespace idl::solver {

/// What Anderson acceleration keeps beside an iterate X, and its step behind each decision.
///
/// The loops of PicardSolver and AdjointSolver stay as they are: they evaluate the map where X is
/// and decide. Columns that go on then move X to a better place than the map's value. As a column
/// stops before it is moved, X is the map's value there, and the certificate is the same.
template <class T>
class AndersonHistory {
 public:
  AndersonHistory(Context& context, MatrixView<T> X);

  /// To be done once X is at its start.
  Primitive begin() { return CopyMatrix<T>{.X = X_, .Y = Y_}; }
  /// To be done at the end of each iteration.
  Primitive step(const IterationState<T>& iteration);

 private:
  MatrixView<T> X_;
  Matrix<T> Y_;
  Matrix<T> F_even_;
  Matrix<T> G_even_;
  Matrix<T> F_odd_;
  Matrix<T> G_odd_;
  Vector<T> accepted_;
  Vector<std::int32_t> points_;
};

extern template class AndersonHistory<float>;
extern template class AndersonHistory<double>;

}  // namespace idl::solver
