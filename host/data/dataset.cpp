// SPDX-License-Identifier: MIT
#include <algorithm>
#include <numeric>
#include <utility>

#include "host/data/scaling.hpp"
#include "idl/data.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

void check_labels(const Dataset::Labels& labels) {
  IDL_CHECK(labels.classes > 0,
            "there are " + std::to_string(labels.classes) + " classes, expected 1 or more");
  for (std::size_t i = 0; i < labels.of_samples.size(); ++i) {
    const std::int32_t label = labels.of_samples[i];
    IDL_CHECK(label >= 0 && label < labels.classes, "label " + std::to_string(i) + " is " +
                                                        std::to_string(label) + ", expected 0 to " +
                                                        std::to_string(labels.classes - 1));
  }
}

/// The number of samples that have these targets.
index_t count_samples(const Dataset::Targets& targets) {
  IDL_CHECK(targets.per_sample > 0,
            "a sample has " + std::to_string(targets.per_sample) + " targets, expected 1 or more");
  const auto count = static_cast<index_t>(targets.values.size());
  IDL_CHECK(count % targets.per_sample == 0, "samples of " + std::to_string(targets.per_sample) +
                                                 " targets were given " + std::to_string(count) +
                                                 " values");
  return count / targets.per_sample;
}

void check_scaling(const char* what, const Scaling& scaling, index_t size) {
  const std::string found = trouble(scaling, size, what);
  IDL_CHECK(found.empty(), "the scaling " + found);
}

/// The parts of `values` that these samples have, `each` long.
template <class Value>
std::vector<Value> gathered(const std::vector<Value>& values, std::span<const index_t> samples,
                            index_t each) {
  std::vector<Value> chosen;
  chosen.reserve(samples.size() * static_cast<std::size_t>(each));
  for (const index_t sample : samples) {
    const auto begin = values.begin() + sample * each;
    chosen.insert(chosen.end(), begin, begin + each);
  }
  return chosen;
}
template <class T>
SampleReader<T> gathered(const SampleReader<T>& read, std::span<const index_t> samples, index_t) {
  return [read, chosen = std::vector<index_t>(samples.begin(), samples.end())](
             index_t index, std::span<T> column) {
    read(chosen[static_cast<std::size_t>(index)], column);
  };
}

template <class S, class T>
void copy_values(const std::vector<S>& values, index_t index, std::span<T> column) {
  const auto begin = static_cast<std::size_t>(index) * column.size();
  for (std::size_t i = 0; i < column.size(); ++i) {
    column[i] = static_cast<T>(values[begin + i]);
    if constexpr (std::is_same_v<S, std::uint8_t>) column[i] /= T{255};
  }
}
template <class S, class T>
void copy_values(const SampleReader<S>& read, index_t index, std::span<T> column) {
  if constexpr (std::is_same_v<S, T>) {
    read(index, column);
  } else {
    std::vector<S> values(column.size());
    read(index, values);
    std::ranges::transform(values, column.begin(), [](S value) { return static_cast<T>(value); });
  }
}

}  // namespace

void Dataset::check_features() const {
  IDL_CHECK(features_per_sample_ > 0, "a sample has " + std::to_string(features_per_sample_) +
                                          " features, expected 1 or more");
  const auto check = [&](const auto& features) {
    if constexpr (requires { features.size(); }) {
      const auto per_sample = static_cast<std::size_t>(features_per_sample_);
      IDL_CHECK(features.size() % per_sample == 0 &&
                    features.size() / per_sample == static_cast<std::size_t>(size_),
                std::to_string(size_) + " samples of " + std::to_string(features_per_sample_) +
                    " features were given " + std::to_string(features.size()) + " values");
    } else {
      IDL_CHECK(features != nullptr, "there is no function that reads samples");
    }
  };
  std::visit(check, features_);
}

Dataset::Dataset(Features features, Labels labels, index_t features_per_sample)
    : features_(std::move(features)),
      labels_(std::move(labels)),
      size_(static_cast<index_t>(labels_.of_samples.size())),
      features_per_sample_(features_per_sample) {
  check_features();
  check_labels(labels_);
}

Dataset::Dataset(Features features, Targets targets, index_t features_per_sample)
    : features_(std::move(features)),
      targets_(std::move(targets)),
      size_(count_samples(targets_)),
      features_per_sample_(features_per_sample) {
  check_features();
}

Dataset Dataset::from_values(std::vector<float> features, std::vector<std::int32_t> labels,
                             index_t features_per_sample, index_t classes) {
  return Dataset(std::move(features), Labels{std::move(labels), classes}, features_per_sample);
}

Dataset Dataset::from_bytes(std::vector<std::uint8_t> features, std::vector<std::int32_t> labels,
                            index_t features_per_sample, index_t classes) {
  return Dataset(std::move(features), Labels{std::move(labels), classes}, features_per_sample);
}

Dataset Dataset::from_values(std::vector<float> features, Targets targets,
                             index_t features_per_sample) {
  return Dataset(std::move(features), std::move(targets), features_per_sample);
}

Dataset Dataset::from_doubles(std::vector<double> features, Labels labels,
                              index_t features_per_sample) {
  return Dataset(std::move(features), std::move(labels), features_per_sample);
}

Dataset Dataset::from_doubles(std::vector<double> features, Targets targets,
                              index_t features_per_sample) {
  return Dataset(std::move(features), std::move(targets), features_per_sample);
}

template <class T>
Dataset Dataset::from_function(SampleReader<T> read, Labels labels, index_t features_per_sample) {
  return Dataset(std::move(read), std::move(labels), features_per_sample);
}

template <class T>
Dataset Dataset::from_function(SampleReader<T> read, Targets targets, index_t features_per_sample) {
  return Dataset(std::move(read), std::move(targets), features_per_sample);
}

template <class T>
void Dataset::copy_unscaled(index_t index, std::span<T> column) const {
  IDL_CHECK(index >= 0 && index < size_, "there is no sample " + std::to_string(index) +
                                             " in a data set of " + std::to_string(size_));
  IDL_CHECK(static_cast<index_t>(column.size()) == features_per_sample_,
            "a sample has " + std::to_string(features_per_sample_) +
                " features, the column has room for " + std::to_string(column.size()));
  std::visit([&](const auto& features) { copy_values(features, index, column); }, features_);
}

template <class T>
void Dataset::copy_sample(index_t index, std::span<T> column) const {
  if (feature_scaling_.empty()) return copy_unscaled(index, column);
  // A double loses nothing of what a float would.
  std::vector<double> values(column.size());
  copy_unscaled<double>(index, values);
  feature_scaling_.apply<double>(values);
  std::ranges::transform(values, column.begin(), [](double v) { return static_cast<T>(v); });
}

void Dataset::copy_unscaled_target(index_t index, std::span<double> column) const {
  IDL_CHECK(index >= 0 && index < size_, "there is no sample " + std::to_string(index) +
                                             " in a data set of " + std::to_string(size_));
  IDL_CHECK(static_cast<index_t>(column.size()) == outputs(),
            "a sample has " + std::to_string(outputs()) + " outputs, the column has room for " +
                std::to_string(column.size()));
  if (has_targets()) return copy_values(targets_.values, index, column);
  std::ranges::fill(column, 0.0);
  column[static_cast<std::size_t>(labels_.of_samples[static_cast<std::size_t>(index)])] = 1.0;
}

template <class T>
void Dataset::copy_target(index_t index, std::span<T> column) const {
  std::vector<double> values(column.size());
  copy_unscaled_target(index, values);
  target_scaling_.apply<double>(values);
  std::ranges::transform(values, column.begin(), [](double v) { return static_cast<T>(v); });
}

Dataset Dataset::first(index_t count) const {
  IDL_CHECK(count >= 0 && count <= size_, "the first " + std::to_string(count) + " samples of " +
                                              std::to_string(size_) + " were asked for");
  std::vector<index_t> samples(static_cast<std::size_t>(count));
  std::iota(samples.begin(), samples.end(), index_t{0});
  return select(samples);
}

Dataset Dataset::select(std::span<const index_t> samples) const {
  for (const index_t sample : samples)
    IDL_CHECK(sample >= 0 && sample < size_, "there is no sample " + std::to_string(sample) +
                                                 " in a data set of " + std::to_string(size_));
  Features features = std::visit(
      [&](const auto& all) -> Features { return gathered(all, samples, features_per_sample_); },
      features_);
  Dataset chosen = has_targets()
                       ? Dataset(std::move(features),
                                 Targets{gathered(targets_.values, samples, targets_.per_sample),
                                         targets_.per_sample},
                                 features_per_sample_)
                       : Dataset(std::move(features),
                                 Labels{gathered(labels_.of_samples, samples, 1), labels_.classes},
                                 features_per_sample_);
  if (!lengths_.empty()) chosen.lengths_ = gathered(lengths_, samples, 1);
  chosen.feature_scaling_ = feature_scaling_;
  chosen.target_scaling_ = target_scaling_;
  return chosen;
}

void Dataset::set_scaling(Scaling features, Scaling targets) {
  check_scaling("feature", features, features_per_sample_);
  IDL_CHECK(has_targets() || targets.mean.empty(), "labels have no scaling, only targets do");
  check_scaling("target", targets, outputs());
  feature_scaling_ = std::move(features);
  target_scaling_ = std::move(targets);
}

void Dataset::set_lengths(std::vector<std::int32_t> lengths) {
  IDL_CHECK(static_cast<index_t>(lengths.size()) == size_,
            "there are " + std::to_string(lengths.size()) + " lengths for " +
                std::to_string(size_) + " samples");
  const auto wrong = std::ranges::find_if(lengths, [](std::int32_t steps) { return steps < 1; });
  IDL_CHECK(wrong == lengths.end(), "the length of sample " +
                                        std::to_string(wrong - lengths.begin()) + " is " +
                                        std::to_string(*wrong) + ", expected 1 or more");
  lengths_ = std::move(lengths);
}

Dataset Dataset::scaled(Scaling features, Scaling targets) const {
  Dataset data = *this;
  data.set_scaling(std::move(features), std::move(targets));
  return data;
}

double Dataset::target_variance() const {
  if (!has_targets() || size_ == 0) return 0.0;
  const auto q = static_cast<std::size_t>(targets_.per_sample);
  double sum = 0.0;
  for (std::size_t i = 0; i < q; ++i) {
    // From the first one, so that the mean of equal numbers is exact.
    const double first = targets_.values[i];
    double mean = 0.0;
    for (std::size_t k = i; k < targets_.values.size(); k += q) mean += targets_.values[k] - first;
    mean = first + mean / static_cast<double>(size_);
    const double scale = target_scaling_.empty() ? 1.0 : target_scaling_.scale[i];
    for (std::size_t k = i; k < targets_.values.size(); k += q) {
      const double difference = (targets_.values[k] - mean) / scale;
      sum += difference * difference;
    }
  }
  return sum / static_cast<double>(targets_.values.size());
}

template Dataset IDL_EXPORT Dataset::from_function(SampleReader<float>, Labels, index_t);
template Dataset IDL_EXPORT Dataset::from_function(SampleReader<double>, Labels, index_t);
template Dataset IDL_EXPORT Dataset::from_function(SampleReader<float>, Targets, index_t);
template Dataset IDL_EXPORT Dataset::from_function(SampleReader<double>, Targets, index_t);
template IDL_EXPORT void Dataset::copy_sample(index_t, std::span<float>) const;
template IDL_EXPORT void Dataset::copy_sample(index_t, std::span<double>) const;
template IDL_EXPORT void Dataset::copy_target(index_t, std::span<float>) const;
template IDL_EXPORT void Dataset::copy_target(index_t, std::span<double>) const;

}  // namespace idl
