// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace idl::test {

/// Projection of one row by sorting, in double (the form of the original package).
inline std::vector<double> by_sorting(std::vector<double> a, double radius) {
  double sum = 0.0;
  for (const double value : a) sum += std::abs(value);
  if (sum <= radius) return a;
  std::vector<double> magnitudes;
  for (const double value : a) magnitudes.push_back(std::abs(value));
  std::sort(magnitudes.begin(), magnitudes.end());
  double s = sum - radius;
  std::size_t left = a.size();
  for (const double magnitude : magnitudes) {
    if (s / static_cast<double>(left) <= magnitude || left == 1) break;
    s -= magnitude;
    --left;
  }
  const double theta = s / static_cast<double>(left);
  for (double& value : a) value = std::copysign(std::max(std::abs(value) - theta, 0.0), value);
  return a;
}

/// S(a, threshold), then the projection.
inline std::vector<double> prox_by_sorting(std::vector<double> a, double radius, double threshold) {
  for (double& value : a) value = std::copysign(std::max(std::abs(value) - threshold, 0.0), value);
  return by_sorting(a, radius);
}

/// ½‖x − a‖² + threshold·‖x‖₁, whose least value in the ball is at the proximal operator of a.
inline double prox_objective(const std::vector<double>& x, const std::vector<double>& a,
                             double threshold) {
  double objective = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    objective += 0.5 * (x[i] - a[i]) * (x[i] - a[i]) + threshold * std::abs(x[i]);
  return objective;
}

}  // namespace idl::test
