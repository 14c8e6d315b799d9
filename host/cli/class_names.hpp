// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/cli/table.hpp"

namespace idl::cli {

/// The labels of a table, each once: by size where all are whole numbers, else by their bytes.
/// @throws InvalidArgument where there is one alone, or all are numbers and some are not whole
std::vector<std::string> find_classes(const Table& table);

/// The place of each label among the classes.
/// @throws InvalidArgument for a label that is none of them; the text says where it is
std::vector<std::int32_t> number_labels(const Table& table,
                                        const std::vector<std::string>& classes);

}  // namespace idl::cli
