// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/primitives.hpp"

namespace idl {

/// Checks one primitive's operands for a backend on `device`: shapes that fit each other, ld >=
/// rows, data not null where there are elements, everything on that device. Both backends call it
/// before they run or compile a primitive.
/// @throws InvalidArgument with the operand's name and both shapes, for example
///         "Gemm: B has 100 rows, op(A) has 300 columns".
void validate(const Primitive& primitive, Device device);
/// Every step of a sequence, before the first runs.
void validate(const Sequence& sequence, Device device);
/// What Backend::compile_while() is given: every step of the loop, one integer on the device that
/// counts what is active, and a number of iterations that is not negative.
void validate_loop(const Sequence& sequence, VectorView<const std::int32_t> active,
                   std::int32_t max_iterations, Device device);

}  // namespace idl
