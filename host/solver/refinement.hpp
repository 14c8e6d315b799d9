// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "host/solver/iteration_state.hpp"
#include "idl/context.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"
#include "kernels/primitives.hpp"

namespace idl::solver {

/// When a solve in float is refined from iterations in bfloat16.
struct RefinementRule {
  bool wanted = false;  ///< Precision::automatic
  /// Of one product, 2n²m: below, the rounds cost more than the products that they save.
  double least_flops = 1e10;
  bool on_cpu = false;  ///< where it brings nothing but can be tested

  bool holds(Device device, index_t n, index_t m) const;
};

/// A matrix of bfloat16, for the library alone; columns start on 16 bytes.
class BFloat16Matrix {
 public:
  BFloat16Matrix(Context& context, index_t rows, index_t cols);
  MatrixView<BFloat16> view() {
    return {static_cast<BFloat16*>(memory_.data()), rows_, cols_, ld_, device_};
  }

 private:
  index_t rows_;
  index_t cols_;
  index_t ld_;
  Device device_;
  DeviceMemory memory_;
};

/// What a refinement works on: the state X, the forcing F and the product S of the loop
/// X <- f(op(A)X + F).
struct RefinedLoop {
  ConstMatrixView<float> A;
  bool transpose_A = false;
  MatrixView<float> X;
  ConstMatrixView<float> F;
  MatrixView<float> S;
  /// One full application, {Gemm, update, UpdateStatus}.
  Sequence step;
  /// The update X <- f(W + R) of the columns with a status.
  std::function<Primitive(ConstMatrixView<float> W, ConstMatrixView<float> R,
                          const IterationState<float>& inner)>
      update;
};

/// Mixed-precision refinement of a loop, column by column.
///
///   repeat, at most k_rounds times, while a column is running
///     X₀ = X;  S = op(A)X₀;  X <- f(S + F);  decide           in float: residual and certificate
///     R = S + F
///     repeat  D = bf16(X − X₀);  W = bf16(op(A))D;  X <- f(R + W)    until the step is small
///   then the loop in float, for columns that are still running
///
/// The error of the inner products is relative to X − X₀, which shrinks a hundredfold per round,
/// while f sees its whole argument. Every column ends with a full step: what stops it, its step and
/// its certificate are those of the loop in float. Method: iterative refinement; for contractions
/// see Kelley, "Newton's method in mixed precision", SIAM Review 64 (2022).
class Refinement {
 public:
  Refinement(Context& context, RefinedLoop loop, const IterationState<float>& iteration,
             const UpdateStatus<float>& decision);

  /// For the end of what prepares a solve: A in bfloat16, and, where the first full step was made
  /// from X = 0, what stands behind such a step.
  Sequence prelude(bool first_step_done);
  /// The rounds, to be launched in this order.
  std::vector<std::shared_ptr<Program>> parts(bool first_step_done) const;

 private:
  Sequence behind_full_step();
  Sequence inner_step();
  InnerColumns inner_columns();

  RefinedLoop loop_;
  UpdateStatus<float> decision_;
  BFloat16Matrix A_low_;
  BFloat16Matrix D_;
  Matrix<float> X0_;
  Matrix<float> W_;
  IterationState<float> inner_;
  Vector<float> targets_;
  std::shared_ptr<Program> full_;
  std::shared_ptr<Program> inner_loop_;
};

}  // namespace idl::solver
