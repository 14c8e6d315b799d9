// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "host/cli/table.hpp"

namespace idl::cli {

/// The labels of a table, each once: by size where all are whole numbers, else by their bytes.
/// @throws InvalidArgument where there is one alone, or all are numbers and some are not whole
std::vector<std::string> find_classes(const Table& table);

/// What the outputs of a model without names are called: "0", "1", ... where labels are numbers,
/// else the labels in their order. @throws InvalidArgument where these are more, or fewer
std::vector<std::string> classes_of_outputs(const Table& table, index_t outputs);

/// The place of each label among the classes.
/// @throws InvalidArgument for a label that is none of them; the text says where it is
std::vector<std::int32_t> number_labels(const Table& table,
                                        const std::vector<std::string>& classes);

/// The class of a sample: the place of its largest output, the first where there are several; -1
/// where one is not finite.
template <class T>
std::int32_t predicted_class(std::span<const T> outputs) {
  if (!std::ranges::all_of(outputs, [](T value) { return std::isfinite(value); })) return -1;
  return static_cast<std::int32_t>(std::ranges::max_element(outputs) - outputs.begin());
}

}  // namespace idl::cli
