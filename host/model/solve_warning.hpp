// SPDX-License-Identifier: MIT
#pragma once

#include "idl/context.hpp"
#include "idl/solver.hpp"

namespace idl {

/// Logs one warning, with the counts and the worst residual, if some column did not converge.
void warn_unless_converged(const Context& context, const SolveReport& report, const char* what);

}  // namespace idl
