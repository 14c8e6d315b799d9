// SPDX-License-Identifier: MIT
#include "host/model/solve_warning.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>

namespace idl {

void warn_unless_converged(const Context& context, std::span<const std::int64_t, k_statuses> counts,
                           const char* what, const char* measure, double worst) {
  const auto columns = [&](SolveStatus status) { return counts[static_cast<std::size_t>(status)]; };
  const std::int64_t all = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  if (columns(SolveStatus::converged) == all) return;
  std::ostringstream text;
  text << what << ": " << all - columns(SolveStatus::converged) << " of " << all
       << " columns did not converge (" << columns(SolveStatus::max_iterations)
       << " at max_iterations, " << columns(SolveStatus::stagnated)
       << " stagnated at rounding level, " << columns(SolveStatus::diverged) << " diverged); worst "
       << measure << " " << worst;
  context.log(Severity::warning, text.str());
}

void warn_unless_converged(const Context& context, const SolveReport& report, const char* what) {
  std::array<std::int64_t, k_statuses> counts = {};
  double worst = 0.0;
  for (std::size_t j = 0; j < report.status.size(); ++j) {
    ++counts[static_cast<std::size_t>(report.status[j])];
    if (report.status[j] == SolveStatus::converged) continue;
    worst = std::isnan(report.residual[j]) ? std::numeric_limits<double>::infinity()
                                           : std::max(worst, report.residual[j]);
  }
  warn_unless_converged(context, counts, what, "residual", worst);
}

}  // namespace idl
