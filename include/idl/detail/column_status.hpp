// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>

#include "idl/detail/cuda_callable.hpp"
#include "idl/detail/is_finite.hpp"
#include "idl/matrix.hpp"
#include "idl/solver.hpp"

/// The columns of a loop, and the decision whether one goes on.
namespace idl {

/// SolveStatus as ColumnStatus<T> keeps it.
inline constexpr auto k_running = static_cast<std::uint8_t>(SolveStatus::running);
inline constexpr auto k_converged = static_cast<std::uint8_t>(SolveStatus::converged);

/// A column stagnates whose step has not fallen below its smallest for so many iterations.
inline constexpr std::int32_t k_stagnation_window = 4;

/// The state of a loop over the columns: one entry per column, `active` has one element.
template <class T>
struct ColumnStatus {
  VectorView<std::uint8_t> status;            ///< SolveStatus
  VectorView<std::int32_t> iterations;        ///< applications of the map so far
  VectorView<T> best_steps;                   ///< smallest step norm so far
  VectorView<std::int32_t> stalled;           ///< iterations since best_steps fell
  VectorView<std::int32_t> active;            ///< number of columns with status `running`
  VectorView<std::int32_t> fallbacks{};       ///< optional: accelerated points thrown away
  VectorView<std::int32_t> low_iterations{};  ///< optional: those in low precision
};

/// One column's entries of ColumnStatus<T>.
template <class T>
struct ColumnState {
  std::uint8_t status;  ///< SolveStatus
  std::int32_t iterations;
  T best_step;
  std::int32_t stalled;
};

/// What is the same for the decisions of all columns.
template <class T>
struct StoppingRule {
  T factor;  ///< of the step: 1, or κ/(1−κ), or +inf
  T absolute;
  T relative;
  T rounding;
  std::int32_t max_iterations;
};

/// The factor of the step: 1, or with `certified` κ/(1−κ) for κ < 1 and +inf otherwise.
template <class T>
IDL_CUDA_CALLABLE inline T step_factor(bool certified, T contraction) {
  if (!certified) return T(1);
  return contraction < T(1) ? contraction / (T(1) - contraction) : static_cast<T>(INFINITY);
}

/// The state after one more application of the map with this step and state norm. To be called for
/// running columns only.
template <class T>
IDL_CUDA_CALLABLE inline ColumnState<T> next_column_state(ColumnState<T> column, T step, T norm,
                                                          const StoppingRule<T>& rule) {
  column.iterations += 1;
  if (!is_finite(step) || !is_finite(norm)) {
    column.status = static_cast<std::uint8_t>(SolveStatus::diverged);
    return column;
  }
  if (step < column.best_step) {
    column.best_step = step;
    column.stalled = 0;
  } else {
    column.stalled += 1;
  }
  if (rule.factor * step <= rule.absolute + rule.relative * norm || step == T(0)) {
    column.status = k_converged;
  } else if (column.stalled >= k_stagnation_window && step <= rule.rounding * norm) {
    column.status = static_cast<std::uint8_t>(SolveStatus::stagnated);
  } else if (column.iterations >= rule.max_iterations) {
    column.status = static_cast<std::uint8_t>(SolveStatus::max_iterations);
  }
  return column;
}

}  // namespace idl
