// SPDX-License-Identifier: MIT
#include "host/cli/table.hpp"
#include "tests/fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return idl::fuzz::run(data, size, [](const std::filesystem::path& path) {
    const idl::cli::Table table = idl::cli::read_table(path.string(), {.label_column = "1"}, {},
                                                       idl::cli::TableUse::answers_wanted);
    const auto rows = static_cast<std::size_t>(table.rows);
    idl::fuzz::require(rows > 0 && table.labels.size() == rows && table.lines.size() == rows,
                       "each row has a label and a line");
    idl::fuzz::require(std::get<std::vector<double>>(table.values).size() ==
                           rows * static_cast<std::size_t>(table.cols),
                       "each row has all features");
  });
}
