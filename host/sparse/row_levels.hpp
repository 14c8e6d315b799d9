// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "idl/matrix.hpp"

namespace idl {

/// The first entry, row and column, on or below the diagonal; none where the compressed rows are
/// strictly upper triangular. Columns ascend within a row.
std::optional<std::pair<index_t, index_t>> first_on_or_below(
    std::span<const std::int64_t> row_offsets, std::span<const std::int32_t> col_indices);

/// "A is to be strictly upper triangular, but its row 3 stores an entry of column 1".
std::string not_strictly_upper(const std::string& matrix, const std::pair<index_t, index_t>& entry);

/// The rows of a matrix by levels, on the host.
struct HostLevels {
  std::vector<std::int32_t> rows;     ///< level after level, ascending in each
  std::vector<std::int64_t> offsets;  ///< where each level begins in `rows`, and their end
};

/// The fewest levels such that the entries of a row lie in columns whose rows belong to levels
/// before its own, of a square matrix that is strictly upper or strictly lower triangular.
HostLevels row_levels(std::span<const std::int64_t> row_offsets,
                      std::span<const std::int32_t> col_indices);

}  // namespace idl
