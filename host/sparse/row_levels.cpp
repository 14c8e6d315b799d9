// SPDX-License-Identifier: MIT
#include "host/sparse/row_levels.hpp"

#include <algorithm>

namespace idl {

std::optional<std::pair<index_t, index_t>> first_on_or_below(
    std::span<const std::int64_t> row_offsets, std::span<const std::int32_t> col_indices) {
  for (std::size_t i = 0; i + 1 < row_offsets.size(); ++i) {
    if (row_offsets[i] == row_offsets[i + 1]) continue;
    const std::int32_t column = col_indices[static_cast<std::size_t>(row_offsets[i])];
    if (column <= static_cast<index_t>(i)) return std::pair(static_cast<index_t>(i), column);
  }
  return std::nullopt;
}

std::string not_strictly_upper(const std::string& matrix,
                               const std::pair<index_t, index_t>& entry) {
  return matrix + " is to be strictly upper triangular, but its row " +
         std::to_string(entry.first) + " stores an entry of column " + std::to_string(entry.second);
}

HostLevels row_levels(std::span<const std::int64_t> row_offsets,
                      std::span<const std::int32_t> col_indices) {
  const std::size_t n = row_offsets.size() - 1;
  std::vector<std::size_t> level(n, 0);
  std::size_t count = 0;
  const auto place = [&](std::size_t i) {
    for (auto e = static_cast<std::size_t>(row_offsets[i]);
         e < static_cast<std::size_t>(row_offsets[i + 1]); ++e)
      level[i] = std::max(level[i], level[static_cast<std::size_t>(col_indices[e])] + 1);
    count = std::max(count, level[i] + 1);
  };
  const bool upper = !first_on_or_below(row_offsets, col_indices);
  for (std::size_t step = 0; step < n; ++step) place(upper ? n - 1 - step : step);

  HostLevels levels = {std::vector<std::int32_t>(n), std::vector<std::int64_t>(count + 1, 0)};
  for (std::size_t i = 0; i < n; ++i) ++levels.offsets[level[i] + 1];
  for (std::size_t l = 0; l < count; ++l) levels.offsets[l + 1] += levels.offsets[l];
  std::vector<std::int64_t> next(levels.offsets.begin(), levels.offsets.end() - 1);
  for (std::size_t i = 0; i < n; ++i)
    levels.rows[static_cast<std::size_t>(next[level[i]]++)] = static_cast<std::int32_t>(i);
  return levels;
}

}  // namespace idl
