// SPDX-License-Identifier: MIT
#include "host/cli/prediction_csv.hpp"

#include "host/cli/class_names.hpp"
#include "host/cli/csv_rows.hpp"
#include "host/options/ranges.hpp"

namespace idl::cli {
namespace {

std::string header(const DataFormat& data, index_t outputs) {
  if (!data.classes.empty()) return csv_field(data.label.empty() ? "class" : data.label);
  std::string text;
  for (index_t i = 0; i < outputs; ++i)
    text += (i == 0 ? "" : ",") + csv_field(data.targets.empty()
                                                ? "output " + std::to_string(i)
                                                : data.targets[static_cast<std::size_t>(i)]);
  return text;
}

}  // namespace

template <class T>
std::string prediction_csv(const DataFormat& data, std::span<const T> Y, index_t outputs) {
  const auto q = static_cast<std::size_t>(outputs);
  std::string text = header(data, outputs) + "\n";
  for (; !Y.empty(); Y = Y.subspan(q)) {
    const std::span<const T> y = Y.first(q);
    if (data.classes.empty()) {
      for (std::size_t i = 0; i < q; ++i) text += (i == 0 ? "" : ",") + number_text(y[i]);
    } else if (const std::int32_t found = predicted_class(y); found >= 0) {
      text += csv_field(data.classes[static_cast<std::size_t>(found)]);
    } else {
      text += "\"\"";  // a line without quotes would be blank, which is no row
    }
    text += "\n";
  }
  return text;
}

template std::string prediction_csv(const DataFormat&, std::span<const float>, index_t);
template std::string prediction_csv(const DataFormat&, std::span<const double>, index_t);

}  // namespace idl::cli
