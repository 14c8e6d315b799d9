// SPDX-License-Identifier: MIT
#include "host/data/scaling.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "idl/data.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

/// Of columns of `size` numbers each, which `copy` gives, in two passes: means, then squares of the
/// distances to them.
Scaling standard_scaling(index_t samples, index_t size,
                         const std::function<void(index_t, std::span<double>)>& copy) {
  IDL_CHECK(samples > 0, "no scaling can be found without samples");
  const auto count = static_cast<double>(samples);
  std::vector<double> column(static_cast<std::size_t>(size));
  Scaling scaling{std::vector<double>(column.size()), std::vector<double>(column.size())};
  const auto for_each_entry = [&](const auto& visit) {
    for (index_t k = 0; k < samples; ++k) {
      copy(k, column);
      for (std::size_t i = 0; i < column.size(); ++i) visit(i, column[i]);
    }
  };
  std::vector<double> largest(column.size());
  std::vector<double> first(column.size());
  std::vector<bool> varies(column.size(), false);
  copy(0, first);
  for_each_entry([&](std::size_t i, double value) {
    scaling.mean[i] += value / count;
    largest[i] = std::max(largest[i], std::abs(value));
    varies[i] = varies[i] || value != first[i];
  });
  // The sum of equal numbers is rounded.
  for (std::size_t i = 0; i < column.size(); ++i)
    if (!varies[i]) scaling.mean[i] = first[i];
  // Squares of numbers near the ends of double would leave it. A power of two rounds nothing.
  std::vector<double> unit(column.size());
  for (std::size_t i = 0; i < column.size(); ++i) {
    constexpr int k_farthest = 1000;
    const int exponent = largest[i] > 0.0 && std::isfinite(largest[i]) ? std::ilogb(largest[i]) : 0;
    unit[i] = std::ldexp(1.0, std::clamp(exponent, -k_farthest, k_farthest));
  }
  for_each_entry([&](std::size_t i, double value) {
    const double difference = (value - scaling.mean[i]) / unit[i];
    scaling.scale[i] += difference * difference / count;
  });
  for (std::size_t i = 0; i < column.size(); ++i) {
    // The means of equal numbers are off by the rounding of their sum.
    const double rounding =
        count * std::numeric_limits<double>::epsilon() * std::abs(scaling.mean[i]);
    const double deviation = std::sqrt(scaling.scale[i]) * unit[i];
    scaling.scale[i] = deviation > rounding ? deviation : 1.0;
  }
  return scaling;
}

/// Calls change(value, mean, scale) for each of `values`.
template <class T, class Change>
void change_columns(const Scaling& scaling, std::span<T> values, const Change& change) {
  const std::size_t size = scaling.mean.size();
  if (size == 0) return;
  IDL_CHECK(scaling.scale.size() == size && values.size() % size == 0,
            "a scaling has " + std::to_string(size) + " means and " +
                std::to_string(scaling.scale.size()) +
                " scales, and is for whole columns, not for " + std::to_string(values.size()) +
                " values");
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<T>(
        change(static_cast<double>(values[i]), scaling.mean[i % size], scaling.scale[i % size]));
}

}  // namespace

std::string trouble(const Scaling& scaling, index_t size, const std::string& what) {
  const auto count = static_cast<std::size_t>(size);
  if (scaling.mean.empty() && scaling.scale.empty()) return "";
  if (scaling.mean.size() != count || scaling.scale.size() != count)
    return "of " + what + "s has " + std::to_string(scaling.mean.size()) + " means and " +
           std::to_string(scaling.scale.size()) + " scales, expected " + std::to_string(count) +
           " of each";
  for (std::size_t i = 0; i < count; ++i)
    if (!std::isfinite(scaling.mean[i]) || !std::isfinite(scaling.scale[i]) ||
        scaling.scale[i] <= 0.0)
      return "of " + what + " " + std::to_string(i) + " has mean " +
             std::to_string(scaling.mean[i]) + " and scale " + std::to_string(scaling.scale[i]) +
             ", expected numbers and a positive scale";
  return "";
}

template <class T>
void Scaling::apply(std::span<T> values) const {
  change_columns(*this, values,
                 [](double value, double center, double unit) { return (value - center) / unit; });
}

template <class T>
void Scaling::undo(std::span<T> values) const {
  change_columns(*this, values,
                 [](double value, double center, double unit) { return center + unit * value; });
}

Scaling standard_scaling_of_features(const Dataset& data) {
  return standard_scaling(data.size(), data.features(), [&](index_t k, std::span<double> column) {
    data.copy_unscaled<double>(k, column);
  });
}

Scaling standard_scaling_of_targets(const Dataset& data) {
  IDL_CHECK(data.has_targets(), "labels have no scaling, only targets do");
  return standard_scaling(data.size(), data.outputs(), [&](index_t k, std::span<double> column) {
    data.copy_unscaled_target(k, column);
  });
}

template IDL_EXPORT void Scaling::apply(std::span<float>) const;
template IDL_EXPORT void Scaling::apply(std::span<double>) const;
template IDL_EXPORT void Scaling::undo(std::span<float>) const;
template IDL_EXPORT void Scaling::undo(std::span<double>) const;

}  // namespace idl
