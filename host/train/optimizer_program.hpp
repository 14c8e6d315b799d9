// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "idl/optimizer.hpp"
#include "kernels/program.hpp"

namespace idl {

/// An optimiser's step as a program, for those who launch it with other work.
template <class T>
struct detail::Inside<Optimizer<T>> {
  /// A step by dM with the projection after it, whose launches each need prepare_step() before. It
  /// works on the optimiser, on M and on dM.
  static std::shared_ptr<Program> compile(Optimizer<T>& optimizer, Context& context,
                                          ImplicitModel<T>& model, ConstMatrixView<T> dM);
  /// The step and the projection.
  static Sequence steps(Optimizer<T>& optimizer, ImplicitModel<T>& model, ConstMatrixView<T> dM);
  /// Counts a step and puts its learning rate and bias corrections on the device. Asynchronous.
  static void prepare_step(Optimizer<T>& optimizer, Context& context, double learning_rate_factor);
};

extern template struct detail::Inside<Optimizer<float>>;
extern template struct detail::Inside<Optimizer<double>>;

template <class T>
using OptimizerProgram = detail::Inside<Optimizer<T>>;

}  // namespace idl
