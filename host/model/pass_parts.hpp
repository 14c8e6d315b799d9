// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "host/solver/iteration_state.hpp"
#include "idl/batch_pass.hpp"
#include "kernels/program.hpp"

namespace idl {

/// The parts of a pass, for those who put it together with other work.
template <class T>
struct detail::Inside<BatchPass<T>> {
  /// Where U and dY lie beside X and V, strided: written by those who know, without U() and dY().
  static MatrixView<T> stacked_U(BatchPass<T>& pass);
  static MatrixView<T> stacked_X(BatchPass<T>& pass);
  static MatrixView<T> stacked_dY(BatchPass<T>& pass);
  /// Z = BU, for a backward pass at an X that is put into stacked_X() afterwards.
  static void prepare(BatchPass<T>& pass);
  /// forward() without its warning, for callers that warn once for many passes.
  static void forward_unannounced(BatchPass<T>& pass, SolveReport& report);
  /// The forward solve, whose iterations `look` sees one after the other, and its certificate.
  static void solve_by_iterations(BatchPass<T>& pass,
                                  const std::function<void(const solver::IterationRecord&)>& look,
                                  SolveReport& report);
  /// What forward_async() and backward_async() launch, in this order, until start_from() is called.
  static Programs forward(const BatchPass<T>& pass);
  static Programs backward(const BatchPass<T>& pass);
};

extern template struct detail::Inside<BatchPass<float>>;
extern template struct detail::Inside<BatchPass<double>>;

template <class T>
using PassParts = detail::Inside<BatchPass<T>>;

}  // namespace idl
