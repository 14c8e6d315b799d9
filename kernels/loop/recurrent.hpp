// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/recurrence.hpp"

namespace idl {

/// The first columns of B, whose product with x steps_at_first() makes for all steps together; what
/// is left of B u_t is added to it step after step. 0: all of it is.
template <class T>
index_t inputs_beforehand(const Recurrence<T>& pass);

}  // namespace idl
