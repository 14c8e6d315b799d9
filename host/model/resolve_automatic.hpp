// SPDX-License-Identifier: MIT
#pragma once

#include "idl/device.hpp"
#include "idl/matrix.hpp"
#include "idl/model.hpp"
#include "idl/solver.hpp"

namespace idl {

/// The options with a method in the place of each `automatic` sweep and acceleration: the fastest
/// for a model with so many states, on the device, for a batch of `samples`.
SolverOptions resolve_automatic(SolverOptions options, Device device, const ModelOptions& model,
                                index_t states, index_t samples);

}  // namespace idl
