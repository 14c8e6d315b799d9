// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "host/io/checked_size.hpp"
#include "idl/data.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"
#include "kernels/base/number_range.hpp"

namespace idl {
namespace {

/// An array of one or two dimensions.
struct Rows {
  io::Array array;
  std::string path;
  index_t rows = 0;
  index_t cols = 0;  ///< 1 where there is one dimension
};

Rows read_rows(const std::filesystem::path& path, std::size_t least_dimensions) {
  Rows rows{.array = io::read_npy(path), .path = path.string()};
  const std::vector<std::int64_t>& shape = rows.array.shape;
  if (shape.size() < least_dimensions || shape.size() > 2)
    throw IoError(rows.path, "has the shape " + io::shape_text(shape) + ", expected " +
                                 (least_dimensions == 2 ? "(samples, features)" : "(samples)"));
  rows.rows = shape[0];
  rows.cols = shape.size() == 2 ? shape[1] : 1;
  if (rows.rows < 1 || rows.cols < 1)
    throw IoError(rows.path, "has the shape " + io::shape_text(shape) + ", which holds no samples");
  return rows;
}

template <class T>
std::vector<T> finite_values(const Rows& rows, const char* column) {
  std::vector<T> values = rows.array.as<T>();
  const auto bad =
      std::ranges::find_if(values, [](T value) { return !std::isfinite(value); }) - values.begin();
  if (bad < static_cast<index_t>(values.size()))
    throw IoError(rows.path, "sample " + std::to_string(bad / rows.cols) + ", " + column + " " +
                                 std::to_string(bad % rows.cols) + " is " +
                                 std::to_string(values[static_cast<std::size_t>(bad)]) +
                                 ", expected a finite number");
  return values;
}

void check_count(const Rows& answers, const Rows& samples) {
  if (answers.rows != samples.rows)
    throw IoError(answers.path, "is for " + std::to_string(answers.rows) + " samples, but " +
                                    samples.path + " has " + std::to_string(samples.rows));
}

template <class Answers>
Dataset join(const Rows& samples, Answers answers, index_t classes) {
  const auto make = [&]<class T>(std::vector<T> values) {
    if constexpr (std::is_same_v<Answers, Dataset::Targets>)
      return Dataset::from_values(std::move(values), std::move(answers), samples.cols);
    else
      return Dataset::from_values(std::move(values), std::move(answers), samples.cols, classes);
  };
  if (samples.array.type == io::DataType::f32)
    return make(finite_values<float>(samples, "feature"));
  return make(finite_values<double>(samples, "feature"));
}

}  // namespace

Dataset read_labelled_npy(const std::filesystem::path& samples,
                          const std::filesystem::path& labels) {
  const Rows rows = read_rows(samples, 2);
  const Rows answers = read_rows(labels, 1);
  if (answers.cols != 1)
    throw IoError(answers.path, "has " + std::to_string(answers.cols) + " labels for a sample");
  check_count(answers, rows);
  std::vector<std::int32_t> of_samples;
  constexpr double k_most = 1e6;  // classes; more are no classes but measurements
  for (const double label : finite_values<double>(answers, "label")) {
    if (label < 0 || label >= k_most || label != std::trunc(label))
      throw IoError(answers.path, "label " + std::to_string(of_samples.size()) + " is " +
                                      number_text(label) +
                                      ", expected a whole number in [0, 1000000)");
    of_samples.push_back(static_cast<std::int32_t>(label));
  }
  const index_t classes = *std::ranges::max_element(of_samples) + 1;
  return join(rows, std::move(of_samples), classes);
}

Dataset read_npy_with_targets(const std::filesystem::path& samples,
                              const std::filesystem::path& targets) {
  const Rows rows = read_rows(samples, 2);
  const Rows answers = read_rows(targets, 1);
  check_count(answers, rows);
  return join(rows, Dataset::Targets{finite_values<double>(answers, "target"), answers.cols}, 0);
}

}  // namespace idl
