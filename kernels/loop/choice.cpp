// SPDX-License-Identifier: MIT
#include "kernels/loop/choice.hpp"

#include <type_traits>

#include "kernels/loop/compacted.hpp"
#include "kernels/loop/in_rows.hpp"
#include "kernels/loop/refined.hpp"
#include "kernels/loop/substitution.hpp"

namespace idl {
namespace {

bool chooses_by_size(LoopStrategy strategy, const Backend& backend) {
  return strategy == LoopStrategy::automatic && backend.device().kind == DeviceKind::cuda;
}

}  // namespace

template <class T>
std::unique_ptr<Program> compile_substitution_if_chosen(LoopStrategy strategy, Backend& backend,
                                                        const FixedPoint<T>& solve) {
  const bool chosen = strategy == LoopStrategy::automatic || strategy == LoopStrategy::substitution;
  // The rows of a column wait for each other inside a kernel, which would have to hold φ.
  if (backend.device().kind == DeviceKind::cuda && applies_custom_activation(solve)) return nullptr;
  return chosen && can_be_substituted(solve) ? compile_substitution(backend, solve) : nullptr;
}

template <class T>
std::unique_ptr<Program> compile_refined_if_chosen(LoopStrategy strategy,
                                                   const std::shared_ptr<Backend>& backend,
                                                   const FixedPoint<T>& solve) {
  if constexpr (std::is_same_v<T, float>) {
    const bool large = chooses_by_size(strategy, *backend) && solve.low_precision &&
                       product_flops(solve.A, solve.X.cols) >= k_least_refined_flops;
    if ((large || strategy == LoopStrategy::refined) && can_be_refined(solve))
      return compile_refined(backend, solve);
  }
  return nullptr;
}

template <class T>
std::unique_ptr<Program> compile_in_rows_if_chosen(LoopStrategy strategy,
                                                   const std::shared_ptr<Backend>& backend,
                                                   const FixedPoint<T>& solve) {
  const bool chosen =
      strategy == LoopStrategy::row_split || strategy == LoopStrategy::library_product;
  return chosen && can_run_in_rows(solve) ? compile_in_rows(backend, solve, strategy) : nullptr;
}

template <class T>
std::unique_ptr<Program> compile_compacted_if_chosen(LoopStrategy strategy,
                                                     const std::shared_ptr<Backend>& backend,
                                                     const FixedPoint<T>& solve) {
  const bool forced = strategy == LoopStrategy::compacted;
  if (!forced && !chooses_by_size(strategy, *backend)) return nullptr;
  const auto widths = compacted_widths(solve, forced ? k_always_compacted : CompactionRule{});
  return widths.empty() ? nullptr : compile_compacted(backend, solve, widths);
}

template std::unique_ptr<Program> compile_substitution_if_chosen(LoopStrategy, Backend&,
                                                                 const FixedPoint<float>&);
template std::unique_ptr<Program> compile_substitution_if_chosen(LoopStrategy, Backend&,
                                                                 const FixedPoint<double>&);
template std::unique_ptr<Program> compile_refined_if_chosen(LoopStrategy,
                                                            const std::shared_ptr<Backend>&,
                                                            const FixedPoint<float>&);
template std::unique_ptr<Program> compile_refined_if_chosen(LoopStrategy,
                                                            const std::shared_ptr<Backend>&,
                                                            const FixedPoint<double>&);
template std::unique_ptr<Program> compile_in_rows_if_chosen(LoopStrategy,
                                                            const std::shared_ptr<Backend>&,
                                                            const FixedPoint<float>&);
template std::unique_ptr<Program> compile_in_rows_if_chosen(LoopStrategy,
                                                            const std::shared_ptr<Backend>&,
                                                            const FixedPoint<double>&);
template std::unique_ptr<Program> compile_compacted_if_chosen(LoopStrategy,
                                                              const std::shared_ptr<Backend>&,
                                                              const FixedPoint<float>&);
template std::unique_ptr<Program> compile_compacted_if_chosen(LoopStrategy,
                                                              const std::shared_ptr<Backend>&,
                                                              const FixedPoint<double>&);

}  // namespace idl
