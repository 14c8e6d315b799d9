// SPDX-License-Identifier: MIT
// RoundToBFloat16, BeginRefinement and UpdateRefinement.
#include "kernels/math/refinement.hpp"

#include <limits>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {

void execute(const RoundToBFloat16& round, Scratch&) {
  parallel_for(round.X.cols, round.X.rows, [&](index_t j) {
    for (index_t i = 0; i < round.X.rows; ++i) {
      const float x = round.X.data[i + j * round.X.ld];
      const float x0 = round.X0.cols > 0 ? round.X0.data[i + j * round.X0.ld] : 0.0F;
      round.Y.data[i + j * round.Y.ld] = to_bfloat16(x - x0);
    }
  });
}

void execute(const BeginRefinement& begin, Scratch&) {
  const float contraction = begin.contraction.size > 0 ? begin.contraction.data[0] : 0.0F;
  const StoppingRule<float> rule = {.factor = step_factor(begin.certified, contraction),
                                    .absolute = begin.absolute,
                                    .relative = begin.relative,
                                    .rounding = 0,
                                    .max_iterations = 0};
  std::int32_t active = 0;
  for (index_t j = 0; j < begin.status.size; ++j) {
    const bool runs = begin.status.data[j] == k_running;
    begin.inner.status.data[j] = runs ? k_running : k_converged;
    if (!runs) continue;
    begin.inner.targets.data[j] =
        refinement_target(begin.step_norms.data[j], begin.state_norms.data[j], rule);
    begin.inner.best_steps.data[j] = std::numeric_limits<float>::infinity();
    begin.inner.stalled.data[j] = 0;
    active += 1;
  }
  begin.inner.active.data[0] = active;
}

void execute(const UpdateRefinement& update, Scratch&) {
  const InnerColumns& inner = update.inner;
  for (index_t j = 0; j < update.step_norms.size; ++j) {
    if (inner.status.data[j] != k_running) continue;
    const InnerColumn column =
        next_inner_column({inner.best_steps.data[j], inner.stalled.data[j], false},
                          update.step_norms.data[j], inner.targets.data[j]);
    inner.best_steps.data[j] = column.best_step;
    inner.stalled.data[j] = column.stalled;
    update.low_iterations.data[j] += 1;
    if (!column.leaves) continue;
    inner.status.data[j] = k_converged;
    inner.active.data[0] -= 1;
  }
}

}  // namespace idl::cpu
