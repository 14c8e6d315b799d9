// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "idl/matrix.hpp"

namespace idl {

/// The pattern of Aᵀ in compressed rows, and where its entries come from.
struct TransposedEntries {
  std::vector<std::int64_t> row_offsets;  ///< columns of A + 1 of them
  std::vector<std::int32_t> col_indices;  ///< rows of A, ascending within a row of Aᵀ
  std::vector<std::int64_t> entries;      ///< entry e of Aᵀ is entry entries[e] of A
};

/// By counting the entries of each column: O(entries + rows + cols). The arrays are compressed rows
/// of a matrix with `cols` columns. @throws InvalidArgument where there are more rows than 32-bit
/// indices can tell apart
TransposedEntries transposed_entries(index_t cols, std::span<const std::int64_t> row_offsets,
                                     std::span<const std::int32_t> col_indices);

}  // namespace idl
