// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "kernels/backend.hpp"
#include "kernels/fixed_point.hpp"

namespace idl {

/// Iterations of the loop that follows steps_of(solve).start.
template <class T>
std::int32_t loop_iterations(const FixedPoint<T>& solve) {
  return solve.decision.max_iterations - (starts_from_zero(solve) ? 1 : 0);
}

/// `start`, then `loop`; the loop alone where nothing starts it.
std::unique_ptr<Program> start_with(Backend& backend, Sequence start,
                                    std::unique_ptr<Program> loop);

/// A solve step by step over all columns, as steps_of() says. The description is valid.
template <class T>
std::unique_ptr<Program> compile_generic(Backend& backend, const FixedPoint<T>& solve);

}  // namespace idl
