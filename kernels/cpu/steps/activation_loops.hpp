// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/custom_activation.hpp"
#include "kernels/math/activations.hpp"

/// φ of the loops on the CPU: a row that is compiled into them, or for the rarer rows and for own
/// activations loops of their own over some entries at a time.
namespace idl::cpu {

/// Any φ, by the loops that were compiled for it.
template <class T>
struct LoopsRow {
  static constexpr int k_work = 8;
  const ActivationLoops<T>* loops;
  double alpha;

  /// X <- φ(S + Z).
  void value(ConstMatrixView<T> S, ConstMatrixView<T> Z, MatrixView<T> X) const {
    loops->value[place()](alpha, S, Z, X);
  }
  /// X <- φ'(S + Z). X may be S.
  void derivative(ConstMatrixView<T> S, ConstMatrixView<T> Z, MatrixView<T> X) const {
    loops->derivative[place()](alpha, S, Z, X);
  }
  /// φ(x), at the price of a call.
  T operator()(T x) const { return one_entry(loops->value[place()], alpha, x); }

 private:
  static std::size_t place() { return static_cast<std::size_t>(widest_vectors()); }
};

/// The loops of a rarer row.
template <class T>
const ActivationLoops<T>& rarer_loops(ActivationKind kind);
extern template const ActivationLoops<float>& rarer_loops(ActivationKind);
extern template const ActivationLoops<double>& rarer_loops(ActivationKind);

/// Calls f with the row of `activation`, a LoopsRow where no loop is compiled for it; returns what
/// f returns.
template <class T, class F>
decltype(auto) dispatch_loops(const Activation& activation, const F& f) {
  const ActivationKind kind = activation.kind;
  if (kind == ActivationKind::custom)
    return f(LoopsRow<T>{&loops_of<T>(custom_of(activation)), activation.alpha});
  if (!is_among(CommonActivations<T>{}, kind))
    return f(LoopsRow<T>{&rarer_loops<T>(kind), activation.alpha});
  return visit_row(CommonActivations<T>{}, kind, static_cast<T>(activation.alpha), f);
}

}  // namespace idl::cpu
