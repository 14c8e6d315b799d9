// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "host/solver/iteration_state.hpp"
#include "idl/batch_pass.hpp"

namespace idl {

/// Counts what has become of the columns of a solve.
template <class T>
typename BatchPass<T>::Outcome outcome_of(const solver::IterationRecord& record) {
  typename BatchPass<T>::Outcome outcome;
  double total = 0.0;
  for (std::size_t j = 0; j < record.status.size(); ++j) {
    const SolveStatus status = record.status[j];
    ++outcome.counts[static_cast<std::size_t>(status)];
    const auto note_first = [j](index_t& first, bool holds) {
      if (holds && first < 0) first = static_cast<index_t>(j);
    };
    note_first(outcome.first_not_converged, status != SolveStatus::converged);
    note_first(outcome.first_diverged, status == SolveStatus::diverged);
    outcome.max_iterations_used = std::max(outcome.max_iterations_used, record.iterations[j]);
    total += record.iterations[j];
    // A NaN step is the worst, and stays it.
    if (!std::isnan(outcome.worst_step) && !(record.step_norms[j] <= outcome.worst_step))
      outcome.worst_step = record.step_norms[j];
  }
  outcome.mean_iterations = total / static_cast<double>(record.status.size());
  return outcome;
}

}  // namespace idl
