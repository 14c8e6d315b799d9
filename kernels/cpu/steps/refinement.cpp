// SPDX-License-Identifier: MIT
// RoundToBFloat16, LowGemm, BeginRefinement and UpdateRefinement. There is no hardware for bfloat16
// here: the product is made in float, of the rounded operands, for its numbers and not for speed.
#include "kernels/math/refinement.hpp"

#include <limits>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {
namespace {

void widen(const ConstMatrixView<BFloat16>& from, float* to) {
  parallel_for(from.cols, from.rows, [&](index_t j) {
    for (index_t i = 0; i < from.rows; ++i)
      to[i + j * from.rows] = to_float(from.data[i + j * from.ld]);
  });
}

}  // namespace

void execute(const RoundToBFloat16& round, Scratch&) {
  parallel_for(round.X.cols, round.X.rows, [&](index_t j) {
    for (index_t i = 0; i < round.X.rows; ++i) {
      const float x = round.X.data[i + j * round.X.ld];
      const float x0 = round.X0.cols > 0 ? round.X0.data[i + j * round.X0.ld] : 0.0F;
      round.Y.data[i + j * round.Y.ld] = to_bfloat16(x - x0);
    }
  });
}

void execute(const LowGemm& g, Scratch& scratch) {
  if (g.C.rows == 0 || g.C.cols == 0) return;
  const auto size_of = [](const auto& view) {
    return static_cast<std::size_t>(view.rows) * static_cast<std::size_t>(view.cols);
  };
  float* A = scratch.take<float>(size_of(g.A) + size_of(g.B));
  float* B = A + size_of(g.A);
  widen(g.A, A);
  widen(g.B, B);
  const Device device = g.C.device;
  const Gemm<float> gemm = {.A = {A, g.A.rows, g.A.cols, g.A.rows, device},
                            .B = {B, g.B.rows, g.B.cols, g.B.rows, device},
                            .C = g.C,
                            .transpose_A = g.transpose_A};
  Scratch inner;  // the one at hand holds the operands
  execute(gemm, inner);
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
