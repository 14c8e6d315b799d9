// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "idl/solver.hpp"

namespace idl {

/// What is amiss with the answers to some samples.
struct Shortfall {
  index_t samples = 0;               ///< all of them
  index_t not_converged = 0;         ///< samples whose status is another than converged
  index_t first_not_converged = -1;  ///< -1: none
  index_t not_finite = 0;            ///< samples with an output (or a loss) that is NaN or infinite
  index_t first_not_finite = -1;     ///< -1: none
  bool of_losses = false;            ///< not_finite counts losses: outputs may be finite

  /// Whether something is amiss.
  bool any() const { return not_converged > 0 || not_finite > 0; }
  /// "2 of 5 samples did not converge, the first is sample 0; ..."; "" where nothing is amiss.
  std::string text() const {
    std::string all;
    const auto tell = [&](index_t count, const char* what, index_t first) {
      if (count == 0) return;
      all += (all.empty() ? "" : "; ") + std::to_string(count) + " of " + std::to_string(samples) +
             " samples " + what + ", the first is sample " + std::to_string(first);
    };
    tell(not_converged, "did not converge", first_not_converged);
    tell(not_finite,
         of_losses ? "have a loss that is not finite" : "have outputs that are not finite",
         first_not_finite);
    return all;
  }
};

/// Of a prediction whose outputs are `Y`, contiguous and sample by sample, as download() gives
/// them.
template <class T>
Shortfall shortfall_of(const SolveReport& report, std::span<const T> Y) {
  const std::size_t samples = report.status.size();
  Shortfall shortfall{.samples = static_cast<index_t>(samples)};
  const auto note = [](index_t& count, index_t& first, std::size_t j) {
    if (count++ == 0) first = static_cast<index_t>(j);
  };
  for (std::size_t j = 0; j < samples; ++j) {
    const std::size_t outputs = Y.size() / samples;
    const auto y = Y.subspan(j * outputs, outputs);
    if (report.status[j] != SolveStatus::converged)
      note(shortfall.not_converged, shortfall.first_not_converged, j);
    if (!std::all_of(y.begin(), y.end(), [](T value) { return std::isfinite(value); }))
      note(shortfall.not_finite, shortfall.first_not_finite, j);
  }
  return shortfall;
}

}  // namespace idl
