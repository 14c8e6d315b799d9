// SPDX-License-Identifier: MIT
#include <algorithm>
#include <limits>
#include <numeric>

#include "idl/solver.hpp"

namespace idl {

bool SolveReport::all_converged() const { return count(SolveStatus::converged) == status.size(); }

std::size_t SolveReport::count(SolveStatus which) const {
  return static_cast<std::size_t>(std::count(status.begin(), status.end(), which));
}

std::int32_t SolveReport::max_iterations_used() const {
  return iterations.empty() ? 0 : *std::max_element(iterations.begin(), iterations.end());
}

double SolveReport::mean_iterations() const {
  if (iterations.empty()) return 0.0;
  const double total = std::accumulate(iterations.begin(), iterations.end(), 0.0);
  return total / static_cast<double>(iterations.size());
}

std::int64_t SolveReport::total_fallbacks() const {
  return std::accumulate(fallbacks.begin(), fallbacks.end(), std::int64_t{0});
}

std::int64_t SolveReport::total_low_precision_iterations() const {
  return std::accumulate(low_precision_iterations.begin(), low_precision_iterations.end(),
                         std::int64_t{0});
}

double SolveReport::worst_error_bound() const {
  double worst = 0.0;
  for (const double bound : error_bound) {
    // A bound that is not a number bounds nothing.
    if (!(bound <= std::numeric_limits<double>::max()))
      return std::numeric_limits<double>::infinity();
    worst = std::max(worst, bound);
  }
  return worst;
}

}  // namespace idl
