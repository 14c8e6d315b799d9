// SPDX-License-Identifier: MIT
#pragma once

#include "host/solver/iteration.hpp"
#include "idl/device.hpp"
#include "idl/solver.hpp"
#include "idl/well_posedness.hpp"

namespace idl {

/// How the loops of a model with so many states that `constraint` keeps well posed are run on the
/// device for a batch of `samples`: what `automatic` stands for is settled here.
solver::LoopOptions loop_options(const SolverOptions& wanted, Device device,
                                 const WellPosedness& constraint, index_t states, index_t samples);

}  // namespace idl
