// SPDX-License-Identifier: MIT
#include "host/cli/table.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "host/cli/csv_rows.hpp"
#include "host/cli/file_extension.hpp"
#include "host/cli/table_columns.hpp"
#include "host/io/json_bytes.hpp"
#include "host/options/ranges.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"

namespace idl::cli {
namespace {

/// Reads the rows of a CSV file into a table.
class CsvTable {
 public:
  CsvTable(const std::string& path, const TableFlags& flags, const DataFormat& known, TableUse use)
      : flags_(flags), known_(known), use_(use) {
    table_.path = path;
  }

  Table read() {
    for_each_csv_row(table_.path, [this](const CsvRow& row) { take(row); });
    if (table_.rows == 0) throw IoError(table_.path, "holds no samples");
    table_.values = std::move(values_);
    return std::move(table_);
  }

 private:
  void take(const CsvRow& row) {
    if (columns_.count == 0) {
      begin(row);
      if (!columns_.names.empty()) return;
    }
    if (row.fields.size() != columns_.count)
      throw IoError(table_.path, "line " + std::to_string(row.line) + " has " +
                                     std::to_string(row.fields.size()) + " fields, the first row " +
                                     std::to_string(columns_.count));
    for (const std::size_t column : columns_.features) values_.push_back(number(row, column));
    if (use_ == TableUse::answers_wanted) {
      if (columns_.label) table_.labels.push_back(label(name(row, *columns_.label)));
      for (const std::size_t column : columns_.targets)
        table_.targets.push_back(number(row, column));
    }
    table_.lines.push_back(row.line);
    ++table_.rows;
  }

  void begin(const CsvRow& row) {
    columns_ = find_columns(table_.path, row, flags_, known_, use_);
    for (std::size_t column = 0; column < columns_.names.size(); ++column)
      require_utf8(row, column);
    table_.cols = static_cast<index_t>(columns_.features.size());
    if (!columns_.names.empty()) {
      for (const std::size_t column : columns_.features)
        table_.features.push_back(columns_.names[column]);
      if (columns_.label) table_.label = columns_.names[*columns_.label];
    }
    if (use_ == TableUse::answers_wanted)
      for (const std::size_t column : columns_.targets)
        table_.target_names.push_back(columns_.name(column));
  }

  [[noreturn]] void refuse(const CsvRow& row, std::size_t column, const std::string& what) const {
    throw IoError(table_.path,
                  "line " + std::to_string(row.line) + ", " + columns_.text(column) + ": " + what);
  }

  const std::string& text(const CsvRow& row, std::size_t column) const {
    const std::string& field = row.fields[column];
    if (field.empty()) refuse(row, column, "the value is missing");
    return field;
  }

  /// Nothing that other programs write in the place of a name that they do not have.
  const std::string& name(const CsvRow& row, std::size_t column) const {
    const std::string& field = text(row, column);
    require_there(row, column, {"NA", "N/A", "na", "nan", "NaN", "null", "NULL", "?"});
    require_utf8(row, column);
    return field;
  }

  void require_utf8(const CsvRow& row, std::size_t column) const {
    if (!io::is_utf8(row.fields[column]))
      throw IoError(table_.path, "line " + std::to_string(row.line) + ", column " +
                                     std::to_string(column + 1) +
                                     ": the name is not UTF-8; the file may be in Latin-1");
  }

  /// 3.0, as programs write whole numbers where some were missing, is 3.
  static std::string label(const std::string& name) {
    const std::size_t point = name.find('.');
    if (point == std::string::npos || point == 0 ||
        name.find_first_not_of('0', point + 1) != std::string::npos)
      return name;
    std::string whole = name.substr(0, point);
    return parse_number<std::int64_t>(whole) ? whole : name;
  }

  void require_there(const CsvRow& row, std::size_t column,
                     std::initializer_list<const char*> missing) const {
    const std::string& field = row.fields[column];
    for (const char* word : missing)
      if (field == word) refuse(row, column, "the value is missing (" + in_quotes(field) + ")");
  }

  double number(const CsvRow& row, std::size_t column) const {
    const std::string& field = text(row, column);
    const std::optional<double> value = number_in_field(field);
    if (!value) {
      require_there(row, column, {"NA", "N/A", "na", "null", "NULL", "None", "?"});
      const bool comma = field.find(',') != std::string::npos;
      refuse(row, column,
             in_quotes(field) + " is no number" +
                 (comma ? "; a decimal comma has to be a point" : ""));
    }
    if (!std::isfinite(*value)) refuse(row, column, in_quotes(field) + " is no finite number");
    return *value;
  }

  const TableFlags& flags_;
  const DataFormat& known_;
  TableUse use_;
  TableColumns columns_;
  std::vector<double> values_;
  Table table_;
};

template <class T>
void require_finite(const std::vector<T>& values, const Table& table, index_t cols,
                    const char* column) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    const auto place = static_cast<index_t>(i);
    throw IoError(table.path, table.place(place / cols) + ", " + column + " " +
                                  std::to_string(place % cols) + " is " +
                                  std::to_string(values[i]) + ", expected a finite number");
  }
}

/// The array of one or two dimensions in a file. One dimension is one column of `rows` rows, or,
/// where that is 0, one row.
io::Array read_array(const std::string& path, index_t rows, const char* expected) {
  io::Array array = io::read_npy(path);
  IDL_CHECK(
      array.shape.size() == 1 || array.shape.size() == 2,
      path + " has " + std::to_string(array.shape.size()) + " dimensions, expected " + expected);
  if (array.shape.size() == 1)
    array.shape.insert(rows > 0 ? array.shape.end() : array.shape.begin(), 1);
  IDL_CHECK(rows == 0 || array.shape[0] == rows,
            path + " is for " + std::to_string(array.shape[0]) + " samples, the samples are " +
                std::to_string(rows));
  return array;
}

/// The array of (samples, steps, inputs), or (samples, steps), as one of (samples, steps·inputs).
io::Array read_sequences(const std::string& path, index_t& inputs) {
  io::Array array = io::read_npy(path);
  IDL_CHECK(array.shape.size() == 2 || array.shape.size() == 3,
            path + " has " + std::to_string(array.shape.size()) +
                " dimensions, expected (samples, steps, inputs), or (samples, steps) of one input");
  inputs = array.shape.size() == 3 ? array.shape[2] : 1;
  array.shape = {array.shape[0], array.shape[1] * inputs};
  return array;
}

/// Whole numbers as texts.
std::vector<std::string> read_labels(const std::string& path, index_t rows) {
  const io::Array array = read_array(path, rows, "(samples)");
  IDL_CHECK(array.shape[1] == 1, path + " has " + std::to_string(array.shape[1]) +
                                     " labels for each sample, expected one");
  std::vector<std::string> labels;
  if (array.type != io::DataType::f32 && array.type != io::DataType::f64) {
    for (const std::int64_t label : array.as<std::int64_t>())
      labels.push_back(std::to_string(label));
    return labels;
  }
  for (const double label : array.as<double>()) {
    constexpr double k_exact = 9007199254740992.0;
    IDL_CHECK(std::abs(label) < k_exact && label == std::trunc(label),
              path + ": label " + std::to_string(labels.size()) + " is " + number_text(label) +
                  ", expected a whole number; --targets is for numbers to be predicted");
    labels.push_back(std::to_string(static_cast<std::int64_t>(label)));
  }
  return labels;
}

/// The lengths of sequences, each in [1, steps].
void read_lengths(const std::string& path, Table& table) {
  const io::Array array = read_array(path, table.rows, "(samples)");
  IDL_CHECK(array.shape[1] == 1, path + " has " + std::to_string(array.shape[1]) +
                                     " lengths for each sample, expected one");
  const index_t steps = table.cols / table.inputs;
  for (const double length : array.as<double>()) {
    IDL_CHECK(length >= 1 && length <= static_cast<double>(steps) && length == std::trunc(length),
              path + ": length " + std::to_string(table.lengths.size()) + " is " +
                  number_text(length) + ", expected a whole number in [1, " +
                  std::to_string(steps) + "]");
    table.lengths.push_back(static_cast<std::int32_t>(length));
  }
}

/// What lies after the ends of sequences is looked at by nobody, and may be no number.
void forget_ends(Table& table) {
  const auto forget = [&](auto& values) {
    for (index_t row = 0; row < table.rows; ++row) {
      const index_t end = table.lengths[static_cast<std::size_t>(row)] * table.inputs;
      for (index_t i = end; i < table.cols; ++i) {
        auto& value = values[static_cast<std::size_t>(row * table.cols + i)];
        if (!std::isfinite(value)) value = 0;
      }
    }
  };
  std::visit(forget, table.values);
}

void read_targets(const std::string& path, Table& table) {
  const io::Array array = read_array(path, table.rows, "(samples, targets)");
  const index_t count = array.shape[1];
  IDL_CHECK(count >= 1, path + " holds no targets");
  table.targets = array.as<double>();
  Table named = {.path = path};
  require_finite(table.targets, named, count, "target");
  for (index_t i = 0; i < count; ++i) table.target_names.push_back("target " + std::to_string(i));
}

Table read_npy_table(const std::string& path, const TableFlags& flags, TableUse use) {
  const bool alone = use == TableUse::inputs_only;
  IDL_CHECK(flags.label_column.empty() && flags.target_columns.empty() &&
                flags.ignore_columns.empty() && flags.header == "auto",
            path +
                " has no names of columns: --header, --label-column, --target-columns and "
                "--ignore-columns are for CSV files");
  Table table = {.path = path};
  const io::Array array = flags.sequences ? read_sequences(path, table.inputs)
                                          : read_array(path, 0, "(samples, features)");
  table.rows = array.shape[0];
  table.cols = array.shape[1];
  if (!alone && (table.rows < 1 || table.cols < 1)) throw IoError(path, "holds no samples");
  if (array.type == io::DataType::f32)
    table.values = array.as<float>();
  else
    table.values = array.as<double>();
  if (!flags.lengths.empty()) {
    read_lengths(flags.lengths, table);
    forget_ends(table);
  }
  if (alone) return table;
  std::visit([&](const auto& values) { require_finite(values, table, table.cols, "feature"); },
             table.values);
  IDL_CHECK(flags.labels.empty() || flags.targets.empty(),
            "--labels is for classification, --targets for regression; both are given");
  IDL_CHECK(!flags.labels.empty() || !flags.targets.empty(),
            path +
                " needs one of --labels (a .npy file of whole numbers) and --targets (a .npy "
                "file of numbers to be predicted)");
  if (!flags.labels.empty())
    table.labels = read_labels(flags.labels, table.rows);
  else
    read_targets(flags.targets, table);
  return table;
}

}  // namespace

std::string Table::place(index_t row) const {
  return lines.empty() ? "sample " + std::to_string(row)
                       : "line " + std::to_string(lines[static_cast<std::size_t>(row)]);
}

bool is_npy(const std::string& path) { return has_extension(path, ".npy"); }

Table read_table(const std::string& path, const TableFlags& flags, const DataFormat& known,
                 TableUse use) {
  IDL_CHECK(flags.lengths.empty() || flags.sequences,
            "--lengths is for sequences, which a recurrent model takes");
  IDL_CHECK(flags.lengths.empty() || is_npy(path),
            path + " is read as a CSV file; --lengths is for sequences in .npy files");
  IDL_CHECK(is_npy(path) || (flags.labels.empty() && flags.targets.empty()),
            path +
                " is read as a CSV file, whose columns hold the answers (--label-column, "
                "--target-columns); --labels and --targets are for .npy files");
  Table table =
      is_npy(path) ? read_npy_table(path, flags, use) : CsvTable(path, flags, known, use).read();
  return table;
}

std::optional<double> number_in_field(std::string_view field) {
  const bool plus = field.starts_with('+') && !field.starts_with("+-");
  const std::string_view text = field.substr(plus ? 1 : 0);
  if (const auto value = parse_number<double>(text)) return value;
  // What a double cannot hold is 0 or infinity.
  const auto wide = parse_number<long double>(text);
  return wide ? std::optional(static_cast<double>(*wide)) : std::nullopt;
}

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view name = text.substr(0, comma);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    names.emplace_back(name);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return names;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t k_most = 60;
  std::string shown = "'";
  for (const char c : text.substr(0, k_most)) {
    const auto byte = static_cast<unsigned char>(c);
    shown += byte < 0x20 || byte == 0x7F ? '?' : c;
  }
  return shown + (text.size() > k_most ? "...'" : "'");
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t k_most = 10;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < k_most; ++i)
    text += (i == 0 ? "" : ", ") + in_quotes(names[i]);
  return names.size() > k_most ? text + ", ... (" + std::to_string(names.size()) + " in all)"
                               : text;
}

}  // namespace idl::cli
