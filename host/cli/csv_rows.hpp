// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

namespace idl::cli {

/// One row of a CSV file.
struct CsvRow {
  std::int64_t line = 0;  ///< of the file, on which the row begins; 1 for the first
  std::vector<std::string> fields;
};

/// Calls visit(row) for each row of a file of comma-separated values, as RFC 4180 has them: fields
/// in double quotes may hold separators, line breaks and doubled quotes. Blank lines are passed
/// over, and so are spaces around fields that are not in quotes. The separator is a tab where the
/// first line has one outside of quotes, else a semicolon, else a comma.
/// @throws IoError (unreadable, no UTF-8 but UTF-16, a quote in the wrong place: the line is named)
void for_each_csv_row(const std::filesystem::path& path,
                      const std::function<void(const CsvRow& row)>& visit);

/// A field of a CSV file: as it is, or in double quotes where it has to be.
std::string csv_field(const std::string& text);

}  // namespace idl::cli
