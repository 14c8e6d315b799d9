// SPDX-License-Identifier: MIT
#pragma once

#include "host/solver/problem.hpp"

namespace idl::solver {

/// The bounds of tighten_state(), for the finished solve by substitution whose record this is. The
/// entries of its A are looked at on the host, and each column once more on the device.
template <class T>
void tighten(Context& context, const EquilibriumProblem<T>& problem, SolverMemory<T>& memory,
             const IterationRecord& record, SolveReport& report);
/// Those of tighten_adjoint().
template <class T>
void tighten(Context& context, const AdjointProblem<T>& problem, SolverMemory<T>& memory,
             const IterationRecord& record, SolveReport& report);

}  // namespace idl::solver
