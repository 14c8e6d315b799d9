// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "kernels/backend.hpp"
#include "kernels/fixed_point.hpp"

/// Solves with a sparse A whose samples lie in rows while they iterate: those of one state are
/// neighbours, so that an entry of A multiplies vectors of samples.
///
///   transpose X and what f holds
///   row_split         X₁ <- f(X₀ Aᵀ);  decide;  X₀ <- f(X₁ Aᵀ);  decide      while a column runs
///   library_product   S = X₀ Aᵀ;  X₀ <- f(S);  decide                        while a column runs
///   transpose X back
///
/// The first makes its products on the way and needs no memory for S; what reads X must not see it
/// change, hence the two. Stopped columns are copied along.
namespace idl {

/// Whether samples may lie in rows: A is sparse, and all rows of X are updated at once, without
/// mixing.
template <class T>
bool can_run_in_rows(const FixedPoint<T>& solve);

/// The solve by `way`, which is row_split or library_product. The description is valid, and
/// can_run_in_rows(). @throws OutOfMemory, DeviceError
template <class T>
std::unique_ptr<Program> compile_in_rows(const std::shared_ptr<Backend>& backend,
                                         const FixedPoint<T>& solve, LoopStrategy way);

}  // namespace idl
