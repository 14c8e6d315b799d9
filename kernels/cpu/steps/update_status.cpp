// SPDX-License-Identifier: MIT
#include <algorithm>
#include <limits>

#include "idl/detail/column_status.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"

namespace idl::cpu {

template <class T>
void execute(const ResetStatus<T>& reset, Scratch&) {
  constexpr T k_infinity = std::numeric_limits<T>::infinity();
  const ColumnStatus<T>& columns = reset.columns;
  const index_t m = columns.status.size;
  std::fill_n(columns.status.data, m, k_running);
  std::fill_n(columns.iterations.data, m, 0);
  std::fill_n(columns.best_steps.data, m, k_infinity);
  std::fill_n(columns.stalled.data, m, 0);
  std::fill_n(columns.fallbacks.data, columns.fallbacks.size, 0);
  std::fill_n(columns.low_iterations.data, columns.low_iterations.size, 0);
  columns.active.data[0] = static_cast<std::int32_t>(m);
  std::fill_n(reset.step_norms.data, m, k_infinity);
  std::fill_n(reset.state_norms.data, m, T(0));
  for (index_t j = 0; j < reset.lengths.size; ++j) {
    if (reset.lengths.data[j] > reset.step) continue;
    columns.status.data[j] = k_converged;
    reset.step_norms.data[j] = T(0);
    --columns.active.data[0];
  }
}

namespace {

constexpr index_t k_decided_together = 16;

// Columns [j, j + k_decided_together): those that run and of which next_column_state says what it
// says of most, that the step became smaller and that is all, or that they have converged. A
// comparison with NaN is false. Of the others it marks those that run, and says whether there are
// any. Returns how many have converged.
template <class T>
__attribute__((always_inline)) inline std::int32_t decide_most(const UpdateStatus<T>& u,
                                                               const StoppingRule<T>& rule,
                                                               index_t j, std::int32_t* others,
                                                               bool& any_others) {
  constexpr T k_infinity = std::numeric_limits<T>::infinity();
  std::uint8_t* status = u.columns.status.data + j;
  std::int32_t* iterations = u.columns.iterations.data + j;
  std::int32_t* stalled = u.columns.stalled.data + j;
  T* best_steps = u.columns.best_steps.data + j;
  const T* steps = u.step_norms.data + j;
  const T* norms = u.state_norms.data + j;
  std::int32_t runs[k_decided_together], is_smaller[k_decided_together],
      converges[k_decided_together], is_decided[k_decided_together];
  std::int32_t converged = 0, left = 0;
// Unrolled, or with bytes among the numbers, these become short vectors.
#pragma GCC unroll 1
  for (index_t k = 0; k < k_decided_together; ++k) runs[k] = status[k] == k_running ? 1 : 0;
#pragma GCC unroll 1
  for (index_t k = 0; k < k_decided_together; ++k) {
    const int smaller = steps[k] < best_steps[k] ? 1 : 0;
    const int finite = (steps[k] < k_infinity ? 1 : 0) & (norms[k] < k_infinity ? 1 : 0);
    const int small = (rule.factor * steps[k] <= rule.absolute + rule.relative * norms[k] ? 1 : 0) |
                      (steps[k] == T(0) ? 1 : 0);
    const int last = iterations[k] + 1 >= rule.max_iterations ? 1 : 0;
    converges[k] = runs[k] & finite & small;
    is_decided[k] = converges[k] | (runs[k] & finite & smaller & (1 - small) & (1 - last));
    is_smaller[k] = smaller;
    others[k] = runs[k] - is_decided[k];
    converged += converges[k];
    left |= others[k];
  }
#pragma GCC unroll 1
  for (index_t k = 0; k < k_decided_together; ++k) {
    const bool decided = is_decided[k] != 0;
    const bool smaller = is_smaller[k] != 0;
    iterations[k] += is_decided[k];
    stalled[k] = decided ? (smaller ? 0 : stalled[k] + 1) : stalled[k];
    best_steps[k] = decided && smaller ? steps[k] : best_steps[k];
  }
  for (index_t k = 0; converged > 0 && k < k_decided_together; ++k)
    if (converges[k] != 0) status[k] = k_converged;
  any_others = left != 0;
  return converged;
}

// Whether the column has stopped.
template <class T>
bool decide(const UpdateStatus<T>& u, const StoppingRule<T>& rule, index_t j) {
  const ColumnStatus<T>& columns = u.columns;
  if (columns.status.data[j] != k_running) return false;
  const ColumnState<T> before{.status = k_running,
                              .iterations = columns.iterations.data[j],
                              .best_step = columns.best_steps.data[j],
                              .stalled = columns.stalled.data[j]};
  const ColumnState<T> after =
      next_column_state(before, u.step_norms.data[j], u.state_norms.data[j], rule);
  columns.status.data[j] = after.status;
  columns.iterations.data[j] = after.iterations;
  columns.best_steps.data[j] = after.best_step;
  columns.stalled.data[j] = after.stalled;
  return after.status != k_running;
}

}  // namespace

template <class T>
void execute(const UpdateStatus<T>& u, Scratch&) {
  const T contraction = u.contraction.size > 0 ? u.contraction.data[0] : T(0);
  const StoppingRule<T> rule{.factor = step_factor(u.certified, contraction),
                             .absolute = u.absolute,
                             .relative = u.relative,
                             .rounding = u.rounding,
                             .max_iterations = u.max_iterations};
  const index_t count = u.columns.status.size;
  std::int32_t stopped = 0;
  index_t j = 0;
  for (; j + k_decided_together <= count; j += k_decided_together) {
    std::int32_t others[k_decided_together];
    bool any = false;
    with_widest_vectors([&](auto) __attribute__((always_inline)) {
      stopped += decide_most(u, rule, j, others, any);
    });
    for (index_t k = 0; any && k < k_decided_together; ++k)
      if (others[k] != 0) stopped += decide(u, rule, j + k) ? 1 : 0;
  }
  for (; j < count; ++j) stopped += decide(u, rule, j) ? 1 : 0;
  u.columns.active.data[0] -= stopped;
}

template void execute(const ResetStatus<float>&, Scratch&);
template void execute(const ResetStatus<double>&, Scratch&);
template void execute(const UpdateStatus<float>&, Scratch&);
template void execute(const UpdateStatus<double>&, Scratch&);

}  // namespace idl::cpu
