// SPDX-License-Identifier: MIT
#include "host/cli/training_data.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "host/cli/class_names.hpp"
#include "host/options/ranges.hpp"
#include "idl/error.hpp"

namespace idl::cli {
namespace {

/// A file, or what is missing under a name that a file would have; all else is a folder.
/// @throws IoError where that is missing
bool is_table(const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) return !std::filesystem::is_directory(path, error);
  if (std::filesystem::path(path).has_extension()) return true;
  throw IoError(path, "is no folder, and no file either");
}

/// Of images, with their labels. @throws InvalidArgument where flags are of a table
DatasetPair read_images(const std::string& path, const TableFlags& flags) {
  IDL_CHECK(flags.labels.empty() && flags.targets.empty() && flags.label_column.empty() &&
                flags.target_columns.empty() && flags.ignore_columns.empty() &&
                flags.header == TableFlags().header && flags.lengths.empty(),
            path +
                " is a folder, in which labels and test set lie: --labels, --targets, "
                "--label-column, --target-columns, --ignore-columns, --header and --lengths are "
                "for tables");
  return read_dataset(path);
}

/// The names of a table that is trained on, where the model does not know them already.
DataFormat format_of(const Table& table, const DataFormat& known, bool sequences) {
  DataFormat format = known;
  // Columns of sequences are steps, which have no names of inputs.
  if (format.features.empty() && !sequences) format.features = table.features;
  if (format.label.empty()) format.label = table.label;
  if (table.has_targets()) {
    if (format.targets.empty()) format.targets = table.target_names;
  } else if (format.classes.empty()) {
    format.classes = find_classes(table);
  }
  return format;
}

Dataset dataset_of(Table table, const DataFormat& format) {
  IDL_CHECK(table.has_targets() ? format.classes.empty() : format.targets.empty(),
            table.path + (table.has_targets() ? " has targets, but the model tells classes apart"
                                              : " has labels, but the model predicts targets"));
  const auto make = [&](auto values) {
    if (table.has_targets())
      return Dataset::from_values(std::move(values),
                                  Dataset::Targets{std::move(table.targets),
                                                   static_cast<index_t>(table.target_names.size())},
                                  table.cols);
    return Dataset::from_values(std::move(values), number_labels(table, format.classes), table.cols,
                                static_cast<index_t>(format.classes.size()));
  };
  std::vector<std::int32_t> lengths = std::move(table.lengths);
  Dataset data = std::visit(make, std::move(table.values));
  if (!lengths.empty()) data.set_lengths(std::move(lengths));
  return data;
}

/// Of each class, or of all samples where there are none, this share of the samples, drawn by the
/// seed; both parts in the order of the data.
std::pair<Dataset, Dataset> split(const Dataset& data, double share, std::uint64_t seed) {
  IDL_CHECK(share > 0.0 && share < 1.0, "--validation is " + number_text(share) +
                                            ", expected a share of the samples in (0, 1)");
  const auto class_of = [&](index_t sample) {
    return data.has_targets()
               ? std::size_t{0}
               : static_cast<std::size_t>(data.labels()[static_cast<std::size_t>(sample)]);
  };
  std::vector<index_t> wanted(data.has_targets() ? 1 : static_cast<std::size_t>(data.classes()), 0);
  for (index_t sample = 0; sample < data.size(); ++sample) ++wanted[class_of(sample)];
  for (index_t& count : wanted)
    count = static_cast<index_t>(std::llround(share * static_cast<double>(count)));
  // An epoch that no training has: the order of no epoch depends on it.
  constexpr std::int64_t k_draw = std::numeric_limits<std::int32_t>::max();
  std::vector<index_t> train;
  std::vector<index_t> validation;
  for (const std::int32_t sample : epoch_order(seed, k_draw, data.size(), true)) {
    index_t& left = wanted[class_of(sample)];
    (left > 0 ? validation : train).push_back(sample);
    if (left > 0) --left;
  }
  IDL_CHECK(!train.empty() && !validation.empty(),
            "--validation " + number_text(share) + " of " + std::to_string(data.size()) +
                " samples leaves " + std::to_string(train.size()) + " to train on and " +
                std::to_string(validation.size()) + " to validate with");
  std::ranges::sort(train);
  std::ranges::sort(validation);
  return {data.select(train), data.select(validation)};
}

/// Which of `size` numbers that `copy` gives are the same in all samples.
template <class Copy>
std::vector<std::string> constants(index_t samples, index_t size, const Copy& copy,
                                   const std::vector<std::string>& names, const char* otherwise) {
  std::vector<double> first(static_cast<std::size_t>(size));
  std::vector<double> other(first.size());
  std::vector<bool> varies(first.size(), false);
  copy(0, first);
  for (index_t k = 1; k < samples; ++k) {
    copy(k, other);
    for (std::size_t i = 0; i < other.size(); ++i) varies[i] = varies[i] || other[i] != first[i];
  }
  std::vector<std::string> found;
  for (std::size_t i = 0; i < varies.size(); ++i)
    if (!varies[i]) found.push_back(names.empty() ? otherwise + std::to_string(i) : names[i]);
  return found;
}

void check_targets(const TrainingData& data) {
  if (!data.train.has_targets()) return;
  const std::vector<std::string> constant = constants(
      data.train.size(), data.train.outputs(),
      [&](index_t k, std::span<double> column) { data.train.copy_target<double>(k, column); },
      data.format.targets, "target ");
  IDL_CHECK(constant.empty(),
            data.name + ": the target " + listed(constant) +
                " is the same in all training samples; there is nothing to learn");
}

/// The steps of all sequences as samples, without those after their ends.
Dataset steps_of(const Dataset& data, index_t inputs) {
  std::vector<double> sample(static_cast<std::size_t>(data.features()));
  std::vector<double> values;
  for (index_t k = 0; k < data.size(); ++k) {
    data.copy_sample<double>(k, sample);
    const auto length = data.lengths().empty()
                            ? static_cast<std::ptrdiff_t>(sample.size())
                            : data.lengths()[static_cast<std::size_t>(k)] * inputs;
    values.insert(values.end(), sample.begin(), sample.begin() + length);
  }
  std::vector<double> no_targets(values.size() / static_cast<std::size_t>(inputs));
  return Dataset::from_values(std::move(values), Dataset::Targets{std::move(no_targets), 1},
                              inputs);
}

/// What is scaled: samples, or the steps of sequences.
void standardise(TrainingData& data, const Dataset& scaled) {
  const std::vector<std::string> constant = constants(
      scaled.size(), scaled.features(),
      [&](index_t k, std::span<double> column) { scaled.copy_sample<double>(k, column); },
      data.format.features, "feature ");
  IDL_CHECK(static_cast<index_t>(constant.size()) < scaled.features(),
            data.name + ": every feature is the same in all training samples");
  if (!constant.empty())
    data.remarks.push_back(
        std::to_string(constant.size()) + " of " + std::to_string(scaled.features()) +
        " features are the same in all training samples and become 0: " + listed(constant));
  data.format.feature_scaling = standard_scaling_of_features(scaled);
  if (data.train.has_targets())
    data.format.target_scaling = standard_scaling_of_targets(data.train);
}

/// "mean,std", for all features.
Scaling normalisation(const std::string& text, index_t features) {
  const std::vector<std::string> parts = split_names(text);
  std::optional<double> mean;
  std::optional<double> scale;
  if (parts.size() == 2) {
    mean = parse_number<double>(parts[0]);
    scale = parse_number<double>(parts[1]);
  }
  IDL_CHECK(mean && scale && std::isfinite(*mean) && std::isfinite(*scale) && *scale > 0.0,
            "--normalise is '" + text +
                "', expected MEAN,STD: two numbers, the second above 0, for all features");
  const auto p = static_cast<std::size_t>(features);
  return {std::vector<double>(p, *mean), std::vector<double>(p, *scale)};
}

/// The same for each step of sequences of so many numbers.
Scaling in_all_steps(const Scaling& step, index_t features) {
  Scaling all = step;
  while (!step.empty() && static_cast<index_t>(all.mean.size()) < features) {
    all.mean.insert(all.mean.end(), step.mean.begin(), step.mean.end());
    all.scale.insert(all.scale.end(), step.scale.begin(), step.scale.end());
  }
  return all;
}

void scale(TrainingData& data, const TrainSettings& settings, const DataFormat& known) {
  const bool asked = settings.standardise || !settings.normalise.empty();
  IDL_CHECK(!settings.standardise || settings.normalise.empty(),
            "--standardise and --normalise are both given");
  const bool given = !known.feature_scaling.empty() || !known.target_scaling.empty();
  IDL_CHECK(!asked || !given, settings.init +
                                  " says how its data are scaled; --standardise and --normalise "
                                  "cannot change that");
  if (settings.standardise)
    standardise(data, data.inputs > 0 ? steps_of(data.train, data.inputs) : data.train);
  else if (asked)
    data.format.feature_scaling =
        normalisation(settings.normalise, data.inputs > 0 ? data.inputs : data.train.features());
  for (Dataset* part : {&data.train, data.test ? &*data.test : nullptr})
    if (part != nullptr)
      part->set_scaling(in_all_steps(data.format.feature_scaling, part->features()),
                        data.format.target_scaling);
}

TrainingData read_folder(const TrainSettings& settings, const DataFormat& known) {
  IDL_CHECK(settings.test_data.empty() && settings.validation == 0.0,
            settings.data +
                " is a folder, in which labels and test set lie: --test-data and --validation are "
                "for tables");
  IDL_CHECK(!settings.recurrent, settings.data +
                                     " is a folder of images; --recurrent is for tables of "
                                     "sequences");
  DatasetPair pair = read_images(settings.data, settings.table);
  return {std::move(pair.train), std::move(pair.test), std::move(pair.name), known, {}};
}

TrainingData read_tables(const TrainSettings& settings, const DataFormat& known) {
  IDL_CHECK(settings.test_data.empty() || settings.validation == 0.0,
            "--test-data and --validation are both given");
  IDL_CHECK(!settings.test_data.empty() ||
                (settings.test_labels.empty() && settings.test_targets.empty()),
            "--test-labels and --test-targets need --test-data");
  IDL_CHECK(!settings.test_data.empty() || settings.test_lengths.empty(),
            "--test-lengths needs --test-data");
  TableFlags flags = settings.table;
  flags.sequences = settings.recurrent.has_value();
  Table table = read_table(settings.data, flags, known, TableUse::answers_wanted);
  const DataFormat format = format_of(table, known, flags.sequences);
  const bool targets = table.has_targets();
  const index_t inputs = flags.sequences ? table.inputs : 0;
  TrainingData data{dataset_of(std::move(table), format),
                    std::nullopt,
                    std::filesystem::path(settings.data).filename().string(),
                    format,
                    {},
                    inputs};
  if (settings.validation > 0.0) {
    auto [train, validation] = split(data.train, settings.validation, settings.seed);
    data.train = std::move(train);
    data.test = std::move(validation);
  }
  if (!settings.test_data.empty()) {
    flags.labels = settings.test_labels;
    flags.targets = settings.test_targets;
    flags.lengths = settings.test_lengths;
    if (is_npy(settings.test_data)) flags.label_column = flags.target_columns = "";
    Table test = read_table(settings.test_data, flags, format, TableUse::answers_wanted);
    IDL_CHECK(test.has_targets() == targets, settings.test_data + " has " +
                                                 (targets ? "labels" : "targets") + ", " +
                                                 settings.data + " does not");
    IDL_CHECK(!flags.sequences || test.inputs == inputs,
              settings.test_data + " has steps of " + std::to_string(test.inputs) + " numbers, " +
                  settings.data + " of " + std::to_string(inputs));
    data.test = dataset_of(std::move(test), format);
  }
  return data;
}

/// @param of  "samples" or "steps"
void check_inputs(const std::string& path, const char* of, index_t values, index_t inputs) {
  IDL_CHECK(values == inputs, path + " has " + of + " of " + std::to_string(values) +
                                  " values, the model has " + std::to_string(inputs) + " inputs");
}

void check_inputs(const Table& table, bool sequences, index_t inputs) {
  if (sequences)
    check_inputs(table.path, "steps", table.inputs, inputs);
  else
    check_inputs(table.path, "samples", table.cols, inputs);
}

}  // namespace

TrainingData read_training_data(const TrainSettings& settings, const DataFormat& known) {
  TrainingData data =
      is_table(settings.data) ? read_tables(settings, known) : read_folder(settings, known);
  if (settings.limit > 0 && settings.limit < data.train.size())
    data.train = data.train.first(settings.limit);
  check_targets(data);
  scale(data, settings, known);
  return data;
}

Dataset read_evaluation_data(const std::string& data, const TableFlags& flags,
                             const DataFormat& known, index_t inputs, index_t outputs) {
  const auto read = [&] {
    if (!is_table(data)) {
      Dataset samples = read_images(data, flags).test;
      check_inputs(data, "samples", samples.features(), inputs);
      return samples;
    }
    Table table = read_table(data, flags, known, TableUse::answers_wanted);
    check_inputs(table, flags.sequences, inputs);
    DataFormat format = known;
    // Of a model that names nothing whole labels are the numbers of its outputs.
    if (format.classes.empty() && format.targets.empty() && !table.has_targets())
      format.classes = classes_of_outputs(table, outputs);
    return dataset_of(std::move(table), format);
  };
  Dataset samples = read();
  samples.set_scaling(in_all_steps(known.feature_scaling, samples.features()),
                      known.target_scaling);
  return samples;
}

DatasetPair read_calibration_data(const std::string& data, const TableFlags& flags,
                                  const DataFormat& known, index_t inputs, index_t outputs) {
  if (is_table(data)) {
    Dataset samples = read_evaluation_data(data, flags, known, inputs, outputs);
    return {samples, samples, std::filesystem::path(data).filename().string()};
  }
  DatasetPair pair = read_images(data, flags);
  check_inputs(data, "samples", pair.train.features(), inputs);
  for (Dataset* part : {&pair.train, &pair.test})
    part->set_scaling(known.feature_scaling, known.target_scaling);
  return pair;
}

template <class T>
Matrix<T> samples_of(Context& context, const Dataset& data, index_t first, index_t count) {
  const auto p = static_cast<std::size_t>(data.features());
  std::vector<T> U(p * static_cast<std::size_t>(count));
  for (index_t j = 0; j < count; ++j)
    data.copy_sample<T>(first + j, std::span(U).subspan(static_cast<std::size_t>(j) * p, p));
  return Matrix<T>::from_host(context, data.features(), count, U);
}

template <class T>
Inputs<T> read_inputs(const std::string& path, const TableFlags& flags, const DataFormat& known,
                      index_t inputs) {
  Table table = read_table(path, flags, known, TableUse::inputs_only);
  check_inputs(table, flags.sequences, inputs);
  const auto take = [&]<class Read>(std::vector<Read>& values) -> std::vector<T> {
    const Scaling& scaling = known.feature_scaling;
    if (!scaling.empty()) {
      std::vector<double> scaled(values.begin(), values.end());  // rounded once, after it is scaled
      scaling.apply<double>(scaled);
      return {scaled.begin(), scaled.end()};
    }
    if constexpr (std::is_same_v<T, Read>) return std::move(values);
    return {values.begin(), values.end()};
  };
  return {table.rows, std::visit(take, table.values), std::move(table.lengths)};
}

template Matrix<float> samples_of(Context&, const Dataset&, index_t, index_t);
template Matrix<double> samples_of(Context&, const Dataset&, index_t, index_t);
template Inputs<float> read_inputs(const std::string&, const TableFlags&, const DataFormat&,
                                   index_t);
template Inputs<double> read_inputs(const std::string&, const TableFlags&, const DataFormat&,
                                    index_t);

}  // namespace idl::cli
