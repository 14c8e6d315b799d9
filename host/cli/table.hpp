// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "idl/data_format.hpp"
#include "idl/matrix.hpp"

/// Tables of people's own: a .npy file, or a CSV file.
namespace idl::cli {

/// What the columns of a table are, and where the answers are that belong to a .npy file.
struct TableFlags {
  std::string labels{};          ///< .npy file
  std::string targets{};         ///< .npy file
  std::string label_column{};    ///< name, or number from 1 on
  std::string target_columns{};  ///< names or numbers, separated by commas
  std::string ignore_columns{};  ///< likewise
  std::string header = "auto";
  /// Samples are sequences: a .npy file may have the shape (samples, steps, inputs).
  bool sequences = false;
  std::string lengths{};  ///< .npy file: how many steps of each sequence count
};

/// Calls visit(name, member, help) for what tells the columns of a CSV file apart.
template <class Flags, class Visitor>
void for_each_column_flag(Flags& flags, Visitor&& visit) {
  visit("label-column", flags.label_column,
        "Of a CSV file, the column of the labels: its name, or its number from 1 on");
  visit("target-columns", flags.target_columns,
        "Of a CSV file, the columns of the targets, separated by commas: for regression");
  visit("ignore-columns", flags.ignore_columns,
        "Of a CSV file, columns that are passed over, separated by commas");
  visit("header", flags.header,
        "Whether a CSV file begins with the names of its columns: auto (yes, if none of them is a "
        "number), yes or no");
}

/// Samples, one after the other, and what they are to be told as.
struct Table {
  std::string path;
  index_t rows = 0;
  index_t cols = 0;  ///< features of a sample
  /// Of these, those of a step of a sequence; in a table of two dimensions one.
  index_t inputs = 1;
  std::variant<std::vector<float>, std::vector<double>> values{};
  std::vector<std::string> features{};      ///< names; none where they are unknown
  std::string label{};                      ///< name of the label's column
  std::vector<std::string> labels{};        ///< one a row, or none
  std::vector<std::string> target_names{};  ///< where there are targets
  std::vector<double> targets{};            ///< of one row after the other
  std::vector<std::int64_t> lines{};        ///< where each row begins in a CSV file
  std::vector<std::int32_t> lengths{};      ///< of sequences, the steps of each; none: all

  bool has_targets() const { return !target_names.empty(); }
  /// "line 7" or "sample 3".
  std::string place(index_t row) const;
};

/// What a table is read for.
enum class TableUse : std::uint8_t {
  answers_wanted,  ///< there must be labels or targets
  inputs_only      ///< labels and targets are passed over; numbers that are not finite in a .npy
                   ///< file are the model's to judge
};

/// Whether this is the name of a .npy file; all others are CSV files.
bool is_npy(const std::string& path);

/// Reads a table. Where `known` names features, those of a table with a header are found by their
/// names, in whatever order; so are label and targets that the flags do not say.
/// @throws IoError (unreadable; a row of another length, a missing value, text or numbers that are
/// not finite, each with line and column), InvalidArgument (columns that are not there, flags that
/// contradict each other, no answers or two kinds of them)
Table read_table(const std::string& path, const TableFlags& flags, const DataFormat& known,
                 TableUse use);

/// The number that a field of a table is; unlike those of flags it may begin with a plus.
std::optional<double> number_in_field(std::string_view field);
/// "a, b" -> {"a", "b"}.
std::vector<std::string> split_names(std::string_view text);
/// 'text', for people: not all of a long one, and no control characters.
std::string in_quotes(std::string_view text);
/// "'a', 'b', ... (7 in all)": at most ten.
std::string listed(const std::vector<std::string>& names);

}  // namespace idl::cli
