// SPDX-License-Identifier: MIT
#include "host/sparse/transposed_entries.hpp"

#include <limits>
#include <numeric>
#include <string>

#include "idl/error.hpp"

namespace idl {

TransposedEntries transposed_entries(index_t cols, std::span<const std::int64_t> row_offsets,
                                     std::span<const std::int32_t> col_indices) {
  const std::size_t rows = row_offsets.size() - 1;
  IDL_CHECK(rows <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()),
            "transposed: A has " + std::to_string(rows) +
                " rows, more than 32-bit indices can tell apart");
  TransposedEntries result;
  result.row_offsets.assign(static_cast<std::size_t>(cols) + 1, 0);
  result.col_indices.resize(col_indices.size());
  result.entries.resize(col_indices.size());
  std::vector<std::int64_t>& offsets = result.row_offsets;
  for (const std::int32_t column : col_indices) offsets[static_cast<std::size_t>(column) + 1] += 1;
  std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
  std::vector<std::int64_t> next(offsets.begin(), offsets.end() - 1);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::int64_t e = row_offsets[i]; e < row_offsets[i + 1]; ++e) {
      const std::int32_t column = col_indices[static_cast<std::size_t>(e)];
      const auto place = static_cast<std::size_t>(next[static_cast<std::size_t>(column)]++);
      result.col_indices[place] = static_cast<std::int32_t>(i);
      result.entries[place] = e;
    }
  return result;
}

}  // namespace idl
