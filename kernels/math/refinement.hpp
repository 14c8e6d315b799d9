// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "idl/detail/column_status.hpp"
#include "idl/detail/cuda_callable.hpp"
#include "idl/detail/is_finite.hpp"

/// The decisions of BeginRefinement and UpdateRefinement for one column.
namespace idl {

/// The step that the inner loop of a column is to reach: half of what would end the solve, but no
/// less than a hundredth of where it starts, which is as far as bfloat16 safely gets.
IDL_CUDA_CALLABLE inline float refinement_target(float step, float norm,
                                                 const StoppingRule<float>& rule) {
  const float enough = (rule.absolute + rule.relative * norm) / (2.0F * rule.factor);
  const float reach = 1e-2F * step;
  return enough > reach ? enough : reach;
}

/// One column of InnerColumns.
struct InnerColumn {
  float best_step;
  std::int32_t stalled;
  bool leaves;
};

/// After one more inner iteration with this step.
IDL_CUDA_CALLABLE inline InnerColumn next_inner_column(InnerColumn column, float step,
                                                       float target) {
  // Against where the window began: 2 % in all of it, not in one iteration.
  if (step < 0.98F * column.best_step) {
    column.best_step = step;
    column.stalled = 0;
  } else {
    column.stalled += 1;
  }
  column.leaves = !is_finite(step) || step <= target || column.stalled >= k_stagnation_window;
  return column;
}

}  // namespace idl
