// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>

#include "kernels/backend.hpp"
#include "kernels/recurrence.hpp"

namespace idl {

/// A program of one step's solve.
template <class T>
using CompileSolve = std::function<std::unique_ptr<Program>(const FixedPoint<T>& solve)>;

/// compile_steps() with programs of the solves made by `compile_solve`; they are asked for in the
/// order in which they run, and run one after the other.
template <class T>
std::unique_ptr<Program> compile_steps(Backend& backend, const Recurrence<T>& pass,
                                       const CompileSolve<T>& compile_solve);
/// The same of an adjoint.
template <class T>
std::unique_ptr<Program> compile_steps(Backend& backend, const RecurrenceAdjoint<T>& pass,
                                       const CompileSolve<T>& compile_solve);

}  // namespace idl
