// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/cli/table.hpp"
#include "host/cli/train_settings.hpp"
#include "idl/context.hpp"
#include "idl/data.hpp"
#include "idl/data_format.hpp"
#include "idl/matrix.hpp"

namespace idl::cli {

/// What is trained on, scaled as was asked for.
struct TrainingData {
  Dataset train;
  std::optional<Dataset> test;
  std::string name;
  DataFormat format;                 ///< of sequences the scaling of each input of a step
  std::vector<std::string> remarks;  ///< what people should know of it
  index_t inputs = 0;                ///< of sequences, the numbers of a step
};

/// Reads a folder or tables, splits off the validation set and finds the scalings.
/// @param known  of the model with which the training begins: it says how columns, classes and
///               scalings are; empty: the data say so
/// @throws IoError, InvalidArgument as read_table; a label that `known` or the training data do not
///         have, one class, a constant target, features that are all constant, a share that leaves
///         no samples
TrainingData read_training_data(const TrainSettings& settings, const DataFormat& known);

/// The test set of a folder, or the samples of a table with their answers, as the model takes them.
/// @param inputs   of the model, of a recurrent one in a step
/// @param outputs  of the model
/// @throws as read_training_data; InvalidArgument where they do not fit the model
Dataset read_evaluation_data(const std::string& data, const TableFlags& flags,
                             const DataFormat& known, index_t inputs, index_t outputs);

/// Samples on which a model is compared with another one, and a test set: those of a folder, or
/// twice the samples of a table with their answers; as the model takes them.
/// @throws as read_evaluation_data
DatasetPair read_calibration_data(const std::string& data, const TableFlags& flags,
                                  const DataFormat& known, index_t inputs, index_t outputs);

/// Samples [first, first + count) as columns on the context's device.
template <class T>
Matrix<T> samples_of(Context& context, const Dataset& data, index_t first, index_t count);

/// Samples one after the other.
template <class T>
struct Inputs {
  index_t samples = 0;
  std::vector<T> values;
  std::vector<std::int32_t> lengths;  ///< of sequences, where they are said
};

/// The samples of a table as the model takes them: columns of `inputs` numbers, of sequences one
/// for each step. @throws as read_table; InvalidArgument where the table has another number of
/// columns
template <class T>
Inputs<T> read_inputs(const std::string& path, const TableFlags& flags, const DataFormat& known,
                      index_t inputs);

}  // namespace idl::cli
