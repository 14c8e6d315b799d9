// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "host/options/ranges.hpp"
#include "idl/model.hpp"
#include "idl/optimizer.hpp"
#include "idl/solver.hpp"
#include "idl/trainer.hpp"

namespace idl {

/// Throw InvalidArgument with the name of the option, its value and its range unless every number
/// is finite and within its range. Whoever takes such options, from C++ or from C, calls these
/// before it does anything.
/// @param which  the loop that the tolerance is for: "forward", "adjoint"
void validate(const Tolerance& tolerance, std::string_view which);
/// As above, for both loops.
void validate(const SolverOptions& options);
/// As above.
void validate(const OptimizerOptions& options);
/// As above.
void validate(const Schedule& schedule);
/// As above, with all that is in it.
void validate(const TrainerOptions& options);
/// As above.
void validate(const ModelShape& shape);
/// As above; also unless L_φκ < 1 or options.allow_unproven.
void validate(const ModelOptions& options);
/// As above, for what is given.
void validate(const LoadOptions& options);
/// @throws InvalidArgument naming the option
void validate(const SparsifyOptions& options);

}  // namespace idl
