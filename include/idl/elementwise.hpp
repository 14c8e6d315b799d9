// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include "idl/activation.hpp"
#include "idl/context.hpp"
#include "idl/export.hpp"
#include "idl/matrix.hpp"

namespace idl {

/// Y <- φ(X), entry by entry, both n×m. Y may be X. Asynchronous. As in all computations of the
/// library, subnormal numbers may count as zeros.
/// @throws InvalidArgument (shapes, devices, memory that overlaps in part), OutOfMemory
template <class T>
IDL_EXPORT void apply(Context& context, const Activation& activation,
                      std::type_identity_t<ConstMatrixView<T>> X, MatrixView<T> Y);
/// The same into a whole matrix.
template <class T>
void apply(Context& context, const Activation& activation,
           std::type_identity_t<ConstMatrixView<T>> X, Matrix<T>& Y) {
  apply<T>(context, activation, X, Y.view());
}

/// Y <- φ'(X), entry by entry, both n×m, with the values at kinks that the table of ActivationKind
/// gives. Y may be X. Asynchronous.
/// @throws InvalidArgument (shapes, devices, memory that overlaps in part), OutOfMemory
template <class T>
IDL_EXPORT void apply_derivative(Context& context, const Activation& activation,
                                 std::type_identity_t<ConstMatrixView<T>> X, MatrixView<T> Y);
/// The same into a whole matrix.
template <class T>
void apply_derivative(Context& context, const Activation& activation,
                      std::type_identity_t<ConstMatrixView<T>> X, Matrix<T>& Y) {
  apply_derivative<T>(context, activation, X, Y.view());
}

}  // namespace idl
