// SPDX-License-Identifier: MIT
#include "host/model/solve_warning.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>

#include "host/backend_of.hpp"

namespace idl {
namespace {

/// The first, the tenth, the hundredth, ...
bool is_told(std::int64_t number) {
  while (number % 10 == 0) number /= 10;
  return number == 1;
}

}  // namespace

void warn_unless_converged(const Context& context, std::span<const std::int64_t, k_statuses> counts,
                           const char* what, const char* measure, double worst) {
  const auto columns = [&](SolveStatus status) { return counts[static_cast<std::size_t>(status)]; };
  const std::int64_t all = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  if (columns(SolveStatus::converged) == all) return;
  auto& state = detail::Inside<Context>::state(context);
  const std::int64_t number = ++state.solve_warnings.try_emplace(what, 0).first->second;
  if (!state.every_solve_warning && !is_told(number)) return;
  std::ostringstream text;
  text << what << ": " << all - columns(SolveStatus::converged) << " of " << all
       << " columns did not converge (" << columns(SolveStatus::max_iterations)
       << " at max_iterations, " << columns(SolveStatus::stagnated)
       << " stagnated at rounding level, " << columns(SolveStatus::diverged) << " diverged); worst "
       << measure << " " << worst;
  if (!state.every_solve_warning && number > 1)
    text << "; the " << number << "th such warning, those between are not told";
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
