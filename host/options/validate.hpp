// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "idl/model.hpp"
#include "idl/optimizer.hpp"
#include "idl/solver.hpp"
#include "idl/trainer.hpp"
#include "kernels/base/number_range.hpp"
#include "kernels/base/processors.hpp"

namespace idl {

/// What the library's options may be. Flags and files that set an option take the same range.
namespace ranges {
inline constexpr NumberRange k_not_negative = NumberRange::at_least(0);
inline constexpr NumberRange k_positive_count = NumberRange::at_least(1);
/// Sums of sizes must not overflow; the upper end is far above what any memory holds.
inline constexpr NumberRange k_model_size = {.lowest = 1, .highest = 1099511627776.0};
inline constexpr NumberRange k_kappa = {
    .lowest = 0, .highest = 1, .lowest_excluded = true, .highest_excluded = true};
inline constexpr NumberRange k_decay = {.lowest = 0, .highest = 1, .highest_excluded = true};
inline constexpr NumberRange k_threads = {.lowest = 0, .highest = k_most_threads};
inline constexpr NumberRange k_share = {.lowest = 0, .highest = 1};
}  // namespace ranges

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
