// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>

#include "idl/context.hpp"
#include "idl/solver.hpp"

namespace idl {

/// The number of values of SolveStatus.
inline constexpr std::size_t k_statuses = 5;

/// Logs a warning if some column did not converge: "forward solve: 3 of 10 columns did not
/// converge (1 at max_iterations, ...); worst step 0.5". Of the warnings of one context with the
/// same `what` the first is told, the tenth, the hundredth, ..., unless it asks for every one.
/// @param counts   [k]: columns with SolveStatus k
/// @param measure  what `worst` is: "step", "residual"
void warn_unless_converged(const Context& context, std::span<const std::int64_t, k_statuses> counts,
                           const char* what, const char* measure, double worst);

/// The same with the worst residual among the columns that did not converge.
void warn_unless_converged(const Context& context, const SolveReport& report, const char* what);

}  // namespace idl
