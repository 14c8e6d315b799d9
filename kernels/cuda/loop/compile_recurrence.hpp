// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>

#include "idl/error.hpp"
#include "kernels/cuda/loop/fused_recurrence.hpp"
#include "kernels/loop/generic.hpp"

namespace idl::cuda {

/// A recurrent pass in the way that `strategy` asks for, by one rule for the CUDA backend and for
/// emulations of it: as one kernel wherever a block holds its cell, whatever the number of
/// sequences, with which the bits would change. make_fused(steps, fused) makes a program of a
/// FusedRecurrence whose every step does those steps. @throws NotSupported where a strategy that is
/// asked for cannot run it
template <class Pass, class MakeFused>
std::unique_ptr<Program> compile_recurrence(const std::shared_ptr<Backend>& backend,
                                            LoopStrategy strategy, int multiprocessors,
                                            const Pass& pass, const MakeFused& make_fused) {
  validate(pass, backend->device());
  const bool forced = strategy == LoopStrategy::fused_recurrence;
  const bool fused = (forced || strategy == LoopStrategy::automatic) && FusedRecurrence::fits(pass);
  if (forced && !fused) throw NotSupported("this recurrent pass cannot run as one kernel");
  if (!fused) return compile_steps(*backend, pass);
  Sequence steps = steps_before(pass, 0);
  append(steps, steps_of(solve_of(pass, 0)).iteration);
  append(steps, steps_after(pass, 0));
  const FusedRecurrence loop = FusedRecurrence::make(backend, pass, multiprocessors);
  return start_with(*backend, loop.start(), make_fused(std::move(steps), loop));
}

}  // namespace idl::cuda
