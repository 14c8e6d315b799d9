// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>

#include "kernels/cuda/loop/fused_loop.hpp"
#include "kernels/cuda/loop/fused_sparse.hpp"
#include "kernels/fixed_point.hpp"
#include "kernels/loop/choice.hpp"
#include "kernels/loop/generic.hpp"

namespace idl::cuda {

/// A solve in the way that `strategy` asks for, by one rule for the CUDA backend and for emulations
/// of it. make_fused(iteration, loop) makes a program of a FusedLoop or a
/// FusedSparseLoop that does those steps.
template <class T, class MakeFused>
std::unique_ptr<Program> compile_solve(const std::shared_ptr<Backend>& backend,
                                       LoopStrategy strategy, int multiprocessors,
                                       const FixedPoint<T>& solve, const MakeFused& make_fused) {
  validate(solve, backend->device());
  if (auto program = compile_substitution_if_chosen(strategy, *backend, solve)) return program;
  if (auto program = compile_refined_if_chosen(strategy, backend, solve)) return program;
  const auto as_one_kernel = [&](const auto& fused) -> std::unique_ptr<Program> {
    if (!fused) return nullptr;
    SolveSteps steps = steps_of(solve);
    std::unique_ptr<Program> loop = make_fused(std::move(steps.iteration), *fused);
    if (fused->starts_by_itself()) return loop;
    return start_with(*backend, std::move(steps.start), std::move(loop));
  };
  if (auto program =
          std::holds_alternative<CsrMap<T>>(solve.A)
              ? as_one_kernel(FusedSparseLoop::choose(strategy, backend, solve, multiprocessors))
              : as_one_kernel(FusedLoop::choose(strategy, solve, multiprocessors)))
    return program;
  if (auto program = compile_compacted_if_chosen(strategy, backend, solve)) return program;
  return compile_generic(*backend, solve);
}

}  // namespace idl::cuda
