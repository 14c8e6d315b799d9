// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <vector>

#include "idl/context.hpp"
#include "idl/export.hpp"
#include "idl/matrix.hpp"
#include "idl/model.hpp"
#include "idl/solver.hpp"

/// For solvers of one's own, and for those who study the library's.
namespace idl {

/// The certificate of states X (n×m) that another solver found for the inputs U (p×m). Of each
/// sample, with F(X) = φ(AX + BU):
///   residual    >= ‖F(X) − X‖∞, rounding included
///   error_bound >= ‖X − X*‖∞, where X* = F(X*), see SolveReport
///   step        the change from X to F(X), or to X* where A is strictly upper triangular
/// status is converged where options.forward accepts such a step, diverged where an entry of X or
/// of F(X) is not finite, otherwise max_iterations. One application of F a sample; neither model
/// nor X changes, and nothing is warned of.
/// @throws InvalidArgument (shapes, devices, tolerances out of their range), OutOfMemory
template <class T>
IDL_EXPORT SolveReport certify(Context& context, const ImplicitModel<T>& model,
                               std::type_identity_t<ConstMatrixView<T>> U,
                               std::type_identity_t<ConstMatrixView<T>> X,
                               const SolverOptions& options = {});

/// How the solve of each sample went.
struct SolveHistory {
  /// steps[j][k]: ‖X_{k+1} − X_k‖∞ of sample j, NaN where it did not stay finite. Of Picard
  /// iteration that is the residual of X_k. As many as the sample has iterations.
  std::vector<std::vector<double>> steps;
  SolveReport report;  ///< as of predict(), but that a strictly upper A is iterated with too
};

/// Solves as predict() does, and looks at each iteration, for which it waits. All products are in
/// the arithmetic of the model, whatever options.precision says.
/// @param X0  start of the iteration, n×m; none: zero
/// @throws InvalidArgument (shapes, devices, tolerances out of their range), OutOfMemory
template <class T>
IDL_EXPORT SolveHistory
solve_history(Context& context, const ImplicitModel<T>& model,
              std::type_identity_t<ConstMatrixView<T>> U, const SolverOptions& options = {},
              std::type_identity_t<std::optional<ConstMatrixView<T>>> X0 = {});

}  // namespace idl
