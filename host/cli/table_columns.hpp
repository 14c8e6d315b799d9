// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/cli/csv_rows.hpp"
#include "host/cli/table.hpp"

namespace idl::cli {

/// Which column of a CSV file is what; numbers from 0 on.
struct TableColumns {
  std::vector<std::string> names;  ///< of the header; none without one
  std::size_t count = 0;
  std::vector<std::size_t> features;
  std::optional<std::size_t> label;
  std::vector<std::size_t> targets;

  /// "column 3 ('age')".
  std::string text(std::size_t column) const;
  /// 'age', or "column 3" without a header.
  std::string name(std::size_t column) const;
};

/// Of a file whose first row is this. @throws InvalidArgument, IoError as read_table
TableColumns find_columns(const std::string& path, const CsvRow& first, const TableFlags& flags,
                          const DataFormat& known, TableUse use);

}  // namespace idl::cli
