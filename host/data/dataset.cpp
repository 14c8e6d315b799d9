// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "idl/data.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

void check_sizes(std::size_t features, std::span<const std::int32_t> labels,
                 index_t features_per_sample, index_t classes) {
  IDL_CHECK(features_per_sample > 0, "a sample has " + std::to_string(features_per_sample) +
                                         " features, expected 1 or more");
  IDL_CHECK(classes > 0, "there are " + std::to_string(classes) + " classes, expected 1 or more");
  const auto per_sample = static_cast<std::size_t>(features_per_sample);
  IDL_CHECK(features % per_sample == 0 && features / per_sample == labels.size(),
            std::to_string(labels.size()) + " samples of " + std::to_string(features_per_sample) +
                " features were given " + std::to_string(features) + " values");
  for (std::size_t i = 0; i < labels.size(); ++i)
    IDL_CHECK(labels[i] >= 0 && labels[i] < classes,
              "label " + std::to_string(i) + " is " + std::to_string(labels[i]) +
                  ", expected 0 to " + std::to_string(classes - 1));
}

template <class Value>
std::vector<Value> first_values(const std::vector<Value>& values, std::size_t count) {
  const auto end = std::min(count, values.size());
  return {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace

Dataset Dataset::from_values(std::vector<float> features, std::vector<std::int32_t> labels,
                             index_t features_per_sample, index_t classes) {
  check_sizes(features.size(), labels, features_per_sample, classes);
  Dataset data;
  data.values_ = std::move(features);
  data.labels_ = std::move(labels);
  data.features_per_sample_ = features_per_sample;
  data.classes_ = classes;
  return data;
}

Dataset Dataset::from_bytes(std::vector<std::uint8_t> features, std::vector<std::int32_t> labels,
                            index_t features_per_sample, index_t classes) {
  check_sizes(features.size(), labels, features_per_sample, classes);
  Dataset data;
  data.bytes_ = std::move(features);
  data.labels_ = std::move(labels);
  data.features_per_sample_ = features_per_sample;
  data.classes_ = classes;
  return data;
}

template <class T>
void Dataset::copy_sample(index_t index, std::span<T> column) const {
  IDL_CHECK(index >= 0 && index < size(), "there is no sample " + std::to_string(index) +
                                              " in a data set of " + std::to_string(size()));
  IDL_CHECK(static_cast<index_t>(column.size()) == features_per_sample_,
            "a sample has " + std::to_string(features_per_sample_) +
                " features, the column has room for " + std::to_string(column.size()));
  const auto begin = static_cast<std::size_t>(index * features_per_sample_);
  if (bytes_.empty()) {
    for (std::size_t i = 0; i < column.size(); ++i) column[i] = static_cast<T>(values_[begin + i]);
  } else {
    for (std::size_t i = 0; i < column.size(); ++i)
      column[i] = static_cast<T>(bytes_[begin + i]) / T{255};
  }
}

Dataset Dataset::first(index_t count) const {
  IDL_CHECK(count >= 0 && count <= size(), "the first " + std::to_string(count) + " samples of " +
                                               std::to_string(size()) + " were asked for");
  Dataset data;
  const auto values = static_cast<std::size_t>(count * features_per_sample_);
  data.values_ = first_values(values_, values);
  data.bytes_ = first_values(bytes_, values);
  data.labels_ = first_values(labels_, static_cast<std::size_t>(count));
  data.features_per_sample_ = features_per_sample_;
  data.classes_ = classes_;
  return data;
}

template IDL_EXPORT void Dataset::copy_sample(index_t, std::span<float>) const;
template IDL_EXPORT void Dataset::copy_sample(index_t, std::span<double>) const;

}  // namespace idl
