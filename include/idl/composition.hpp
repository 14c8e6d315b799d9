// SPDX-License-Identifier: MIT
#pragma once

#include "idl/context.hpp"
#include "idl/export.hpp"
#include "idl/model.hpp"

/// Models made of models. Products of parameters are made in double and rounded once; the models
/// that come out are dense.
namespace idl {

/// One model that answers as two in sequence, ŷ(u) = ŷ₂(ŷ₁(u)), where 1 is the inner model and 2
/// the outer one. Its state is [x₂; x₁], and without biases
///
///     A = [A₂ B₂C₁; 0 A₁],   B = [B₂D₁; B₁],   C = [C₂ D₂C₁],   D = D₂D₁.
///
/// It has a bias where either has one, and no D where neither a D nor a bias of the outer model
/// makes one.
///
/// A is block triangular, so that it is well posed where both models are: λ_pf(|A|) is the larger
/// of theirs. Its ∞-norm is another matter, since B₂C₁ stands beside A₂ in a row. The constraint of
/// the result is
///  - strictly upper triangular where both are;
///  - the ball of the larger κ where both are in balls and A is in that one;
///  - none otherwise. examine_well_posedness() then proves it by λ_pf, and reports of solves have
///    error bounds where a Perron vector is found. For a training that shall keep the model well
///    posed, rescaled() brings it into a ball.
/// Source: El Ghaoui et al. 2021, section 3.
/// @throws InvalidArgument (the outer model has other inputs than the inner one outputs; another
/// activation; an entry that T cannot hold; A = LRᵀ; another device), OutOfMemory
template <class T>
IDL_EXPORT ImplicitModel<T> cascade(Context& context, const ImplicitModel<T>& outer,
                                    const ImplicitModel<T>& inner);

/// One model that answers with the sum of the answers of two, ŷ(u) = ŷ₁(u) + ŷ₂(u). Its state is
/// [x₁; x₂], and
///
///     A = [A₁ 0; 0 A₂],   B = [B₁; B₂],   C = [C₁ C₂],   D = D₁ + D₂.
///
/// It is as well posed as both are; its constraint is found as that of cascade().
/// Source: El Ghaoui et al. 2021, section 3.
/// @throws InvalidArgument (other inputs or outputs; another activation; A = LRᵀ; another device),
/// OutOfMemory
template <class T>
IDL_EXPORT ImplicitModel<T> parallel_sum(Context& context, const ImplicitModel<T>& first,
                                         const ImplicitModel<T>& second);

/// The same model in other units of its states, with ‖A‖∞ <= kappa as its constraint: the state Sx
/// in the place of x, and
///
///     A' = SAS⁻¹,   B' = SB,   C' = CS⁻¹,   D' = D,   S = diag(1/v),   v = (I − |A|/κ)⁻¹1.
///
/// Answers stay what they were up to rounding and tolerances, which are in the new units: where v
/// is large, so is the error of an answer. For φ with φ(sx) = sφ(x), s > 0: relu, leaky_relu and
/// identity. Sources: El Ghaoui et al. 2021, Theorem 2.2; for S, with |A|v < κv as its condition,
/// Horn and Johnson, Matrix Analysis, section 8.1.
/// @throws InvalidArgument (another activation; kappa outside (0, 1), or not above λ_pf(|A|), or
/// L_φ·kappa >= 1; v above the root of the largest T, 1.8·10¹⁹ in float; A = LRᵀ; another device),
/// OutOfMemory
template <class T>
IDL_EXPORT ImplicitModel<T> rescaled(Context& context, const ImplicitModel<T>& model, double kappa);

}  // namespace idl
