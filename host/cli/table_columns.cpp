// SPDX-License-Identifier: MIT
#include "host/cli/table_columns.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "host/options/ranges.hpp"
#include "idl/error.hpp"

namespace idl::cli {
namespace {

/// Whether the row is names.
bool is_header(const CsvRow& row, const std::string& flag) {
  IDL_CHECK(flag == "auto" || flag == "yes" || flag == "no",
            "--header is " + flag + ", expected auto, yes or no");
  if (flag != "auto") return flag == "yes";
  return std::ranges::none_of(
      row.fields, [](const std::string& field) { return number_in_field(field).has_value(); });
}

/// Finds columns by what people call them.
class Finder {
 public:
  Finder(const std::string& path, TableColumns& columns, const TableFlags& flags)
      : path_(path), columns_(columns), flags_(flags), taken_(columns.count, false) {}

  std::optional<std::size_t> by_name(const std::string& name) const {
    const auto found = std::ranges::find(columns_.names, name);
    if (found == columns_.names.end()) return std::nullopt;
    return static_cast<std::size_t>(found - columns_.names.begin());
  }

  /// A name, or else a number from 1 on; each column has one use.
  std::size_t take(const std::string& text, const char* flag) {
    std::optional<std::size_t> column = by_name(text);
    const auto number = parse_number<std::int64_t>(text);
    if (!column && number && *number >= 1 && *number <= static_cast<std::int64_t>(columns_.count))
      column = static_cast<std::size_t>(*number - 1);
    IDL_CHECK(column, path_ + ": " + flag + " names '" + text + "', but the table has " +
                          (columns_.names.empty()
                               ? std::to_string(columns_.count) +
                                     " columns without names (--header yes says that its first "
                                     "line holds them)"
                               : "the columns " + listed(columns_.names)));
    IDL_CHECK(!taken_[*column], path_ + ": " + flag + " names " + columns_.text(*column) +
                                    ", which has another use already");
    taken_[*column] = true;
    return *column;
  }
  void take_all(const std::string& text, const char* flag, std::vector<std::size_t>* into) {
    for (const std::string& name : split_names(text)) {
      const std::size_t column = take(name, flag);
      if (into != nullptr) into->push_back(column);
    }
  }

  /// Label and targets by the model's own names, where no flag says what they are.
  void take_known_answers(const DataFormat& known) {
    if (!flags_.label_column.empty() || !flags_.target_columns.empty()) return;
    if (const auto label = by_name(known.label); !known.label.empty() && label && !taken_[*label]) {
      columns_.label = label;
      taken_[*label] = true;
    }
    for (const std::string& target : known.targets)
      if (const auto column = by_name(target); column && !taken_[*column]) {
        columns_.targets.push_back(*column);
        taken_[*column] = true;
      }
    if (columns_.targets.size() != known.targets.size()) columns_.targets.clear();
  }

  /// Targets that flags say, in the model's order where it knows them by name. Names of which it
  /// knows none are taken as they are said, one after the other.
  void order_targets(const DataFormat& known) {
    std::vector<std::size_t> ordered;
    for (const std::string& target : known.targets)
      if (const auto column = by_name(target);
          column && std::ranges::find(columns_.targets, *column) != columns_.targets.end())
        ordered.push_back(*column);
    if (ordered.empty()) return;
    std::vector<std::string> said;
    for (const std::size_t column : columns_.targets) said.push_back(columns_.name(column));
    IDL_CHECK(ordered.size() == said.size() && ordered.size() == known.targets.size(),
              path_ + ": --target-columns names " + listed(said) + ", the model's targets are " +
                  listed(known.targets));
    columns_.targets = std::move(ordered);
  }

  /// All that is left, or those that the model knows in the model's order.
  void take_features(const DataFormat& known) {
    if (known.features.empty() || columns_.names.empty()) {
      for (std::size_t column = 0; column < columns_.count; ++column)
        if (!taken_[column]) columns_.features.push_back(column);
      return;
    }
    std::vector<std::string> missing;
    for (const std::string& name : known.features) {
      const auto column = by_name(name);
      if (!column || taken_[*column]) {
        missing.push_back(name);
        continue;
      }
      columns_.features.push_back(*column);
      taken_[*column] = true;
    }
    IDL_CHECK(missing.empty(), path_ + " lacks " + std::to_string(missing.size()) + " of the " +
                                   std::to_string(known.features.size()) +
                                   " columns that the model takes: " + listed(missing));
    std::vector<std::string> unknown;
    for (std::size_t column = 0; column < columns_.count; ++column)
      if (!taken_[column]) unknown.push_back(columns_.name(column));
    IDL_CHECK(unknown.empty(), path_ + " has columns that the model does not take: " +
                                   listed(unknown) + "; --ignore-columns passes over them");
  }

 private:
  const std::string& path_;
  TableColumns& columns_;
  const TableFlags& flags_;
  std::vector<bool> taken_;
};

void check_names(const std::string& path, const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (const std::string& name : names)
    if (!seen.insert(name).second) throw IoError(path, "has two columns named '" + name + "'");
}

}  // namespace

std::string TableColumns::text(std::size_t column) const {
  const std::string number = "column " + std::to_string(column + 1);
  return names.empty() ? number : number + " ('" + names[column] + "')";
}

std::string TableColumns::name(std::size_t column) const {
  return names.empty() ? text(column) : names[column];
}

TableColumns find_columns(const std::string& path, const CsvRow& first, const TableFlags& flags,
                          const DataFormat& known, TableUse use) {
  IDL_CHECK(
      flags.label_column.empty() || flags.target_columns.empty(),
      "--label-column is for classification, --target-columns for regression; both are given");
  TableColumns columns;
  columns.count = first.fields.size();
  if (is_header(first, flags.header)) columns.names = first.fields;
  check_names(path, columns.names);
  Finder finder(path, columns, flags);
  finder.take_all(flags.ignore_columns, "--ignore-columns", nullptr);
  if (!flags.label_column.empty())
    columns.label = finder.take(flags.label_column, "--label-column");
  finder.take_all(flags.target_columns, "--target-columns", &columns.targets);
  finder.order_targets(known);
  finder.take_known_answers(known);
  finder.take_features(known);
  IDL_CHECK(!columns.features.empty(), path + " has no column that is a feature");
  if (use == TableUse::answers_wanted)
    IDL_CHECK(columns.label || !columns.targets.empty(),
              path +
                  ": --label-column says which column holds the labels, --target-columns which "
                  "hold the targets of a regression; the table has " +
                  (columns.names.empty() ? std::to_string(columns.count) + " columns without names"
                                         : "the columns " + listed(columns.names)));
  return columns;
}

}  // namespace idl::cli
