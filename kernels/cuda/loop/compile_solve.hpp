// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>

#include "idl/error.hpp"
#include "kernels/cuda/loop/fused_loop.hpp"
#include "kernels/cuda/loop/fused_sparse.hpp"
#include "kernels/cuda/loop/sparse_choice.hpp"
#include "kernels/fixed_point.hpp"
#include "kernels/loop/choice.hpp"
#include "kernels/loop/generic.hpp"

namespace idl::cuda {

/// A solve in the way that `strategy` asks for, by one rule for the CUDA backend and for emulations
/// of it. make_fused(iteration, loop) makes a program of a FusedLoop or a
/// FusedSparseLoop that does those steps. @throws NotSupported where a strategy that is asked for
/// cannot run it
template <class T, class MakeFused>
std::unique_ptr<Program> compile_solve(const std::shared_ptr<Backend>& backend,
                                       LoopStrategy strategy, const SparseDevice& device,
                                       const FixedPoint<T>& solve, const MakeFused& make_fused) {
  validate(solve, backend->device());
  if (auto program = compile_substitution_if_chosen(strategy, *backend, solve)) return program;
  if (auto program = compile_refined_if_chosen(strategy, backend, solve)) return program;
  const auto as_one_kernel = [&](const auto& fused) -> std::unique_ptr<Program> {
    SolveSteps steps = steps_of(solve);
    std::unique_ptr<Program> loop = make_fused(std::move(steps.iteration), fused);
    if (fused.starts_by_itself()) return loop;
    return start_with(*backend, std::move(steps.start), std::move(loop));
  };
  if (!std::holds_alternative<CsrMap<T>>(solve.A)) {
    if (const auto fused = FusedLoop::choose(strategy, solve, device.multiprocessors))
      return as_one_kernel(*fused);
  } else {
    auto plan = FusedSparseLoop::plan(strategy, backend, solve, device.multiprocessors);
    if (strategy == LoopStrategy::automatic) {
      const auto seconds = plan ? std::optional(plan->seconds) : std::nullopt;
      strategy = choose_sparse_way(solve, seconds, device).value_or(strategy);
    }
    if (strategy == LoopStrategy::fused && plan)
      return as_one_kernel(FusedSparseLoop::make(backend, solve, std::move(*plan)));
    if (strategy == LoopStrategy::library_product && !device.has_library())
      throw NotSupported(
          "cuSPARSE could not be loaded, which is to make the products of this solve");
    if (auto program = compile_in_rows_if_chosen(strategy, backend, solve)) return program;
  }
  if (auto program = compile_compacted_if_chosen(strategy, backend, solve)) return program;
  return compile_generic(*backend, solve);
}

}  // namespace idl::cuda
