// SPDX-License-Identifier: MIT
#include <algorithm>
#include <limits>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/math/column_status.hpp"

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
}

template <class T>
void execute(const UpdateStatus<T>& u, Scratch&) {
  const T contraction = u.contraction.size > 0 ? u.contraction.data[0] : T(0);
  const StoppingRule<T> rule{.factor = step_factor(u.certified, contraction),
                             .absolute = u.absolute,
                             .relative = u.relative,
                             .rounding = u.rounding,
                             .max_iterations = u.max_iterations};
  const ColumnStatus<T>& columns = u.columns;
  std::int32_t stopped = 0;
  for (index_t j = 0; j < columns.status.size; ++j) {
    if (columns.status.data[j] != k_running) continue;
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
    if (after.status != k_running) stopped += 1;
  }
  columns.active.data[0] -= stopped;
}

template void execute(const ResetStatus<float>&, Scratch&);
template void execute(const ResetStatus<double>&, Scratch&);
template void execute(const UpdateStatus<float>&, Scratch&);
template void execute(const UpdateStatus<double>&, Scratch&);

}  // namespace idl::cpu
