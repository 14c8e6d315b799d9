// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "kernels/backend.hpp"
#include "kernels/fixed_point.hpp"

/// Solves with a strictly upper triangular A, exactly, in one sweep over its rows.
///
///   solve(rows):  a few rows          one after the other (Substitute)
///                 more                solve(the last half);  S_first += A_first,last X_last;
///                                     solve(the first half)
///
/// and with op(A) = Aᵀ from the first half to the last. Half of all flops are one product, and all
/// of them half of one Picard iteration's. In compressed rows the rows of a level of the pattern
/// are made together, level after level (SubstituteByLevels), with the flops of one iteration. A
/// grid of blocks is solved block by block: S_k += A_kj X_j over the blocks beside the diagonal,
/// then solve(block k). What X holds before does not matter; every column that runs has taken one
/// iteration afterwards, and step_norms are 0.
namespace idl {

/// Whether a solve can be made by substitution: with an A that is strictly upper triangular, in
/// compressed rows with levels, or a block upper triangular grid with such blocks on its diagonal;
/// and allowed to apply f at all.
template <class T>
bool can_be_substituted(const FixedPoint<T>& solve);

/// The steps of the whole solve.
template <class T>
Sequence substitution_steps(const FixedPoint<T>& solve);

/// The solve, by substitution. The description is valid, and can_be_substituted().
template <class T>
std::unique_ptr<Program> compile_substitution(Backend& backend, const FixedPoint<T>& solve);

}  // namespace idl
