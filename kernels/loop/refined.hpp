// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "kernels/backend.hpp"
#include "kernels/fixed_point.hpp"

/// Solves in float whose products are made in bfloat16, column by column.
///
///   repeat, at most six times, while a column is running
///     X₀ = X;  S = op(A)X₀;  X <- f(S);  decide           in float: residual and certificate
///     R = S + F,  F the Z or G of f
///     repeat  D = bf16(X − X₀);  W = bf16(op(A))D;  X <- f(W + R − F)    until the step is small
///   then the loop in float, for columns that are still running
///
/// The error of the inner products is relative to X − X₀, which shrinks a hundredfold per round,
/// while f sees its whole argument. Every column ends with a full step: what stops it, its step and
/// its certificate are those of the loop in float. Method: iterative refinement; for contractions
/// see Kelley, "Newton's method in mixed precision", SIAM Review 64 (2022).
namespace idl {

/// Flops of one product from which on rounds cost less than the products that they save.
inline constexpr double k_least_refined_flops = 1e10;

/// Whether a solve can be refined: in float, with all entries of A stored, with plain products of
/// all rows at once.
template <class T>
bool can_be_refined(const FixedPoint<T>& solve);

/// The solve, refined. The description is valid, and can_be_refined(). @throws OutOfMemory
std::unique_ptr<Program> compile_refined(const std::shared_ptr<Backend>& backend,
                                         const FixedPoint<float>& solve);

}  // namespace idl
