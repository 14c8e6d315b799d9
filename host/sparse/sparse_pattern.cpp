// SPDX-License-Identifier: MIT
#include "host/sparse/sparse_pattern.hpp"

#include <algorithm>

#include "host/sparse/row_levels.hpp"
#include "host/sparse/transposed_entries.hpp"
#include "kernels/base/csr_check.hpp"

namespace idl {
namespace {

index_t longest_piece(std::span<const std::int64_t> offsets) {
  index_t longest = 0;
  for (std::size_t i = 1; i < offsets.size(); ++i)
    longest = std::max(longest, offsets[i] - offsets[i - 1]);
  return longest;
}

}  // namespace

SparsePattern::SparsePattern(Context& context, index_t rows, index_t cols,
                             std::span<const std::int64_t> row_offsets,
                             std::span<const std::int32_t> col_indices)
    : rows_(rows), cols_(cols) {
  check_csr("SparsePattern", csr_names("A"), rows, cols, row_offsets, col_indices,
            col_indices.size());
  const TransposedEntries transposed = transposed_entries(cols, row_offsets, col_indices);
  longest_row_ = std::max(longest_piece(row_offsets), longest_piece(transposed.row_offsets));
  row_offsets_ = Vector<std::int64_t>::from_host(context, row_offsets);
  col_indices_ = Vector<std::int32_t>::from_host(context, col_indices);
  transposed_row_offsets_ = Vector<std::int64_t>::from_host(context, transposed.row_offsets);
  transposed_col_indices_ = Vector<std::int32_t>::from_host(context, transposed.col_indices);
  permutation_ = Vector<std::int64_t>::from_host(context, transposed.entries);
  if (rows != cols || first_on_or_below(row_offsets, col_indices)) return;
  levels_ = levels_of(context, row_offsets, col_indices);
  transposed_levels_ = levels_of(context, transposed.row_offsets, transposed.col_indices);
}

SparsePattern::Levels SparsePattern::levels_of(Context& context,
                                               std::span<const std::int64_t> row_offsets,
                                               std::span<const std::int32_t> col_indices) {
  const HostLevels levels = row_levels(row_offsets, col_indices);
  return {Vector<std::int32_t>::from_host(context, levels.rows),
          Vector<std::int64_t>::from_host(context, levels.offsets)};
}

SparsePattern SparsePattern::clone(Context& context) const {
  SparsePattern result;
  result.rows_ = rows_;
  result.cols_ = cols_;
  result.longest_row_ = longest_row_;
  result.row_offsets_ = row_offsets_.clone(context);
  result.col_indices_ = col_indices_.clone(context);
  result.transposed_row_offsets_ = transposed_row_offsets_.clone(context);
  result.transposed_col_indices_ = transposed_col_indices_.clone(context);
  result.permutation_ = permutation_.clone(context);
  result.levels_ = levels_.clone(context);
  result.transposed_levels_ = transposed_levels_.clone(context);
  return result;
}

}  // namespace idl
