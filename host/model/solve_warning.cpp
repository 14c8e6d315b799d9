// SPDX-License-Identifier: MIT
#include "host/model/solve_warning.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

namespace idl {

void warn_unless_converged(const Context& context, const SolveReport& report, const char* what) {
  const std::size_t columns = report.status.size();
  const std::size_t converged = report.count(SolveStatus::converged);
  if (converged == columns) return;
  double worst = 0.0;
  for (std::size_t j = 0; j < columns; ++j) {
    if (report.status[j] == SolveStatus::converged) continue;
    worst = std::isnan(report.residual[j]) ? std::numeric_limits<double>::infinity()
                                           : std::max(worst, report.residual[j]);
  }
  std::ostringstream text;
  text << what << ": " << columns - converged << " of " << columns << " columns did not converge ("
       << report.count(SolveStatus::max_iterations) << " at max_iterations, "
       << report.count(SolveStatus::stagnated) << " stagnated at rounding level, "
       << report.count(SolveStatus::diverged) << " diverged); worst residual " << worst;
  context.log(Severity::warning, text.str());
}

}  // namespace idl
