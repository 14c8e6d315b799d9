// SPDX-License-Identifier: MIT
#pragma once

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

}  // namespace idl
