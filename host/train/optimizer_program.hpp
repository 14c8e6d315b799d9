// SPDX-License-Identifier: MIT
#pragma once

#include "idl/optimizer.hpp"
#include "kernels/program.hpp"

namespace idl {

/// An optimiser's step as a program, for those who launch it with other work.
template <class T>
struct detail::Inside<Optimizer<T>> {
  /// A step by dM and the projection after it. What is compiled of them needs prepare_step() before
  /// each launch. They work on the optimiser, on M and on dM.
  static Sequence steps(Optimizer<T>& optimizer, ImplicitModel<T>& model, ConstMatrixView<T> dM);
  /// The same of a recurrent model's cell, and of its head.
  static Sequence steps(Optimizer<T>& optimizer, ImplicitRnn<T>& model, ConstMatrixView<T> dM,
                        ConstMatrixView<T> d_head);
  /// Runs these steps, counted as one.
  static void run(Optimizer<T>& optimizer, Context& context, const Sequence& steps,
                  double learning_rate_factor);
  /// Counts a step and puts its learning rate and bias corrections on the device. Asynchronous.
  static void prepare_step(Optimizer<T>& optimizer, Context& context, double learning_rate_factor);
};

extern template struct detail::Inside<Optimizer<float>>;
extern template struct detail::Inside<Optimizer<double>>;

template <class T>
using OptimizerProgram = detail::Inside<Optimizer<T>>;

}  // namespace idl
