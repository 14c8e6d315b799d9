// SPDX-License-Identifier: MIT
#include "idl/elementwise.hpp"

#include "host/backend_of.hpp"
#include "kernels/backend.hpp"
#include "kernels/operand_checks.hpp"

namespace idl {
namespace {

/// A copy of X and as many zeros: the sums S + Z of which the loops' primitives take φ and φ'.
template <class T>
struct Sums {
  Sums(Context& context, const char* what, ConstMatrixView<T> X, MatrixView<T> Y)
      : S(context, X.rows, X.cols), Z(Matrix<T>::zeros(context, X.rows, X.cols)) {
    OperandChecks checks(what, context.device());
    checks.input("X", X);
    checks.output("Y", Y);
    checks.same_shape("X", X, "Y", Y);
    if (X.data != Y.data || X.ld != Y.ld) checks.apart();
    copy<T>(context, X, S);
  }
  Matrix<T> S;
  Matrix<T> Z;
};

}  // namespace

template <class T>
void apply(Context& context, const Activation& activation,
           std::type_identity_t<ConstMatrixView<T>> X, MatrixView<T> Y) {
  const Sums<T> sums(context, "apply", X, Y);
  const std::vector<std::uint8_t> running(static_cast<std::size_t>(X.cols),
                                          static_cast<std::uint8_t>(SolveStatus::running));
  const auto status = Vector<std::uint8_t>::from_host(context, running);
  Vector<T> steps(context, X.cols);
  Vector<T> norms(context, X.cols);
  backend_of(context)->run(PicardUpdate<T>{.S = sums.S,
                                           .Z = sums.Z,
                                           .X = Y,
                                           .activation = activation,
                                           .step_norms = steps,
                                           .state_norms = norms,
                                           .status = status});
}

template <class T>
void apply_derivative(Context& context, const Activation& activation,
                      std::type_identity_t<ConstMatrixView<T>> X, MatrixView<T> Y) {
  const Sums<T> sums(context, "apply_derivative", X, Y);
  backend_of(context)->run(
      ActivationDerivative<T>{.S = sums.S, .Z = sums.Z, .Psi = Y, .activation = activation});
}

template void apply(Context&, const Activation&, ConstMatrixView<float>, MatrixView<float>);
template void apply(Context&, const Activation&, ConstMatrixView<double>, MatrixView<double>);
template void apply_derivative(Context&, const Activation&, ConstMatrixView<float>,
                               MatrixView<float>);
template void apply_derivative(Context&, const Activation&, ConstMatrixView<double>,
                               MatrixView<double>);

}  // namespace idl
