// SPDX-License-Identifier: MIT
#include "host/cli/class_names.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "host/options/ranges.hpp"
#include "idl/error.hpp"

namespace idl::cli {

std::vector<std::string> find_classes(const Table& table) {
  const std::set<std::string> names(table.labels.begin(), table.labels.end());
  std::vector<std::string> classes(names.begin(), names.end());
  IDL_CHECK(classes.size() > 1, table.path + ": all " + std::to_string(table.rows) +
                                    " labels are " + listed(classes) +
                                    "; there is nothing to tell apart");
  if (std::ranges::all_of(classes, [](const std::string& name) {
        return parse_number<std::int64_t>(name).has_value();
      })) {
    std::ranges::sort(classes, {}, [](const std::string& name) {
      return parse_number<std::int64_t>(name).value();
    });
  } else if (std::ranges::all_of(classes, [](const std::string& name) {
               return number_in_field(name).has_value();
             })) {
    // 007, and what has too many digits for a number, is a name.
    const auto has_fraction = [](const std::string& name) {
      return name.find_first_not_of("+-0123456789") != std::string::npos;
    };
    const auto found = std::ranges::find_if(table.labels, has_fraction);
    if (found == table.labels.end()) return classes;
    const auto row = found - table.labels.begin();
    throw InvalidArgument(table.path + ": the label on " + table.place(row) + " is " +
                          table.labels[static_cast<std::size_t>(row)] +
                          ", which is no name and no whole number; --target-columns is for numbers "
                          "to be predicted");
  }
  return classes;
}

std::vector<std::string> classes_of_outputs(const Table& table, index_t outputs) {
  std::vector<std::string> numbers;
  for (index_t k = 0; k < outputs; ++k) numbers.push_back(std::to_string(k));
  const auto is_number = [](const std::string& label) {
    return parse_number<std::int64_t>(label).has_value();
  };
  if (std::ranges::any_of(table.labels, is_number)) return numbers;
  std::vector<std::string> names = find_classes(table);
  IDL_CHECK(static_cast<index_t>(names.size()) == outputs,
            table.path + " has " + std::to_string(names.size()) + " classes, " + listed(names) +
                ", the model " + std::to_string(outputs) +
                " outputs, and no names that would tell which is which");
  return names;
}

std::vector<std::int32_t> number_labels(const Table& table,
                                        const std::vector<std::string>& classes) {
  std::map<std::string, std::int32_t> numbers;
  for (const std::string& name : classes)
    numbers.emplace(name, static_cast<std::int32_t>(numbers.size()));
  std::vector<std::int32_t> labels;
  labels.reserve(table.labels.size());
  for (const std::string& label : table.labels) {
    const auto found = numbers.find(label);
    IDL_CHECK(found != numbers.end(),
              table.path + ": the label on " + table.place(static_cast<index_t>(labels.size())) +
                  " is '" + label + "', which is none of the classes of the training, " +
                  listed(classes));
    labels.push_back(found->second);
  }
  return labels;
}

}  // namespace idl::cli
