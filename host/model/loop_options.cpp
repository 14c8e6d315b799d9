// SPDX-License-Identifier: MIT
#include "host/model/loop_options.hpp"

namespace idl {

solver::LoopOptions loop_options(const SolverOptions& wanted, Device device,
                                 const WellPosedness& constraint) {
  // A GPU does small solves in one kernel, without either. Picard iteration is exact on a nilpotent
  // A after as many steps as states, and nothing is known of an A that is free.
  const bool faster =
      device.kind == DeviceKind::cpu && constraint.kind == WellPosednessKind::inf_norm_ball;
  solver::LoopOptions options = {
      .batch_invariant = wanted.batch_invariant,
      .sweep = wanted.sweep,
      .acceleration = wanted.acceleration,
      .compaction = {},
      .refinement = {.wanted = wanted.precision == Precision::automatic}};
  if (options.sweep == Sweep::automatic)
    options.sweep = faster ? Sweep::gauss_seidel : Sweep::jacobi;
  if (options.acceleration == Acceleration::automatic)
    options.acceleration = faster ? Acceleration::anderson : Acceleration::none;
  return options;
}

}  // namespace idl
