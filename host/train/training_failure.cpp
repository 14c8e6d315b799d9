// SPDX-License-Identifier: MIT
#include "host/train/training_failure.hpp"

#include <cmath>
#include <type_traits>
#include <vector>

#include "kernels/base/number_range.hpp"

namespace idl {
namespace {

/// " (its feature 3 is nan)" where the data are to blame, which is trained on in T, else nothing.
template <class T>
std::string blame_of_data(const Dataset& data, index_t sample) {
  const std::string cannot =
      std::string(std::is_same_v<T, float> ? "float32" : "float64") + " cannot hold";
  std::vector<double> features(static_cast<std::size_t>(data.features()));
  data.copy_sample<double>(sample, features);
  for (std::size_t i = 0; i < features.size(); ++i)
    if (!std::isfinite(static_cast<T>(features[i])))
      return " (its feature " + std::to_string(i) + " is " + number_text(features[i]) +
             (std::isfinite(features[i]) ? ", which " + cannot + ")" : ")");
  if (!data.has_targets()) return "";
  std::vector<double> targets(static_cast<std::size_t>(data.outputs()));
  data.copy_target<double>(sample, targets);
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (!std::isfinite(static_cast<T>(targets[i] * targets[i])))
      return " (its target " + std::to_string(i) + " is " + number_text(targets[i]) +
             ", whose square " + cannot + ")";
  return "";
}

}  // namespace

std::string untouched(std::int64_t saved_steps) {
  return saved_steps < 0 ? "; no checkpoint had been written"
                         : "; the files of step " + std::to_string(saved_steps) + " are untouched";
}

template <class T>
std::string failure_text(const StepMetrics& step, index_t batch, const BatchFigures& figures,
                         const Dataset& train, std::span<const std::int32_t> samples) {
  const bool of_loss = figures.not_finite > 0;
  const index_t column = of_loss ? figures.first_not_finite : figures.first_diverged;
  const std::string text = "training: step " + std::to_string(step.step) + " (epoch " +
                           std::to_string(step.epoch) + ", batch " + std::to_string(batch + 1) +
                           " of " + std::to_string(step.steps_per_epoch) + "): ";
  constexpr const char* k_advice = "; a smaller learning rate may help";
  if (column < 0) return text + "the sum of the losses is not finite" + k_advice;
  const std::int32_t sample = samples[static_cast<std::size_t>(column)];
  const std::string blame = blame_of_data<T>(train, sample);
  const std::string of_samples = std::to_string(figures.samples) + " samples ";
  return text +
         (of_loss ? "the loss of " + std::to_string(figures.not_finite) + " of " + of_samples +
                        "is not finite"
                  : std::to_string(figures.diverged) + " solves of " + of_samples +
                        "diverged (they are not finite)") +
         ", the first is sample " + std::to_string(sample) + " of the data" +
         (blame.empty() ? k_advice : blame);
}
template std::string failure_text<float>(const StepMetrics&, index_t, const BatchFigures&,
                                         const Dataset&, std::span<const std::int32_t>);
template std::string failure_text<double>(const StepMetrics&, index_t, const BatchFigures&,
                                          const Dataset&, std::span<const std::int32_t>);

std::string test_failure_text(std::int64_t epoch, const Evaluation& test) {
  return "epoch " + std::to_string(epoch) + ": the loss of " + std::to_string(test.not_finite) +
         " of " + std::to_string(test.samples) +
         " test samples is not finite, the first of them sample " +
         std::to_string(test.first_not_finite) +
         "; they count as wrong, and the epoch not as the best";
}

}  // namespace idl
