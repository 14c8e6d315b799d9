// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <vector>

#include "idl/export.hpp"
#include "idl/matrix.hpp"

namespace idl {

/// Numbers that are shifted and scaled on their way into a model, each by a mean and a scale of its
/// own: (value − mean)/scale. Both empty: they stay as they are.
struct Scaling {
  std::vector<double> mean;   ///< in the unit of the values
  std::vector<double> scale;  ///< > 0, in the unit of the values

  /// Whether values stay as they are.
  bool empty() const { return mean.empty(); }
  /// The same numbers.
  friend bool operator==(const Scaling&, const Scaling&) = default;

  /// values <- (values − mean)/scale, in double; `values` holds whole columns of mean.size()
  /// numbers, or anything where this is empty. @throws InvalidArgument
  template <class T>
  IDL_EXPORT void apply(std::span<T> values) const;
  /// values <- mean + scale·values, which undoes apply(). @throws InvalidArgument
  template <class T>
  IDL_EXPORT void undo(std::span<T> values) const;
};

/// What a model's inputs and outputs are in the data that it was trained on. It is kept in the
/// model's file, so that whoever applies the model can give it data in the same form and tell its
/// answers by their names (docs/model_files.md). All of it may be empty.
struct DataFormat {
  std::vector<std::string> features;  ///< names of the p inputs, UTF-8; or none
  std::string label;                  ///< name of what is classified
  std::vector<std::string> classes;   ///< names of the q classes; or none
  std::vector<std::string> targets;   ///< names of the q targets of a regression; or none
  Scaling feature_scaling{};          ///< applied to the inputs before they are given to the model
  Scaling target_scaling{};           ///< to be undone in what the model of a regression answers

  /// All the same.
  friend bool operator==(const DataFormat&, const DataFormat&) = default;
};

/// What is said of a model that has some of the inputs alone, as ReducedModel of sparsify.hpp has.
/// @param kept  their numbers among the p inputs that `data` is of
/// @throws InvalidArgument (a number beyond what `data` says of inputs)
IDL_EXPORT DataFormat with_inputs(const DataFormat& data, std::span<const index_t> kept);

}  // namespace idl
