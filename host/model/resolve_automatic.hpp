// SPDX-License-Identifier: MIT
#pragma once

#include "idl/device.hpp"
#include "idl/matrix.hpp"
#include "idl/solver.hpp"
#include "idl/well_posedness.hpp"

namespace idl {

/// The options with a method in the place of each `automatic` sweep and acceleration: the fastest
/// for a model with so many states that `constraint` keeps well posed, on the device, for a batch
/// of `samples`.
SolverOptions resolve_automatic(SolverOptions options, Device device,
                                const WellPosedness& constraint, index_t states, index_t samples);

}  // namespace idl
