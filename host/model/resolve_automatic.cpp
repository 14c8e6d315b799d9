// SPDX-License-Identifier: MIT
#include "host/model/resolve_automatic.hpp"

namespace idl {

SolverOptions resolve_automatic(SolverOptions options, Device device, const ModelOptions& model,
                                index_t states, index_t samples) {
  // A GPU does small solves in one kernel, without either. A strictly upper triangular A is solved
  // by substitution, where neither means anything, and nothing is known of an A that is free.
  const bool faster = device.kind == DeviceKind::cpu &&
                      model.well_posedness.kind == WellPosednessKind::inf_norm_ball;
  // A block of rows with a column or two is a chain of additions that wait for each other, a sweep
  // a row of such chains; all rows at once keep the processor busy, and take 0.6 to 1 of the time.
  // Where A is read from far away, fewer iterations count for more. A sample that must not know of
  // others is swept as they are. With A = LRᵀ each block of rows would cost all of RᵀX anew.
  constexpr index_t k_few_samples = 2;
  constexpr index_t k_near_states = 512;
  const bool alone =
      samples <= k_few_samples && states <= k_near_states && !options.batch_invariant;
  if (options.sweep == Sweep::automatic)
    options.sweep = faster && !alone && !model.rank ? Sweep::gauss_seidel : Sweep::jacobi;
  if (options.acceleration == Acceleration::automatic)
    options.acceleration = faster ? Acceleration::anderson : Acceleration::none;
  return options;
}

}  // namespace idl
