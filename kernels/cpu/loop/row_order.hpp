// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cpu/product/relu_rows.hpp"

namespace idl::cpu {

/// The order in which the rows of a sparse A are updated, where all of them are at once.
///
/// Rows with few entries stand together by their number: from one to the next nothing is to be
/// decided, which processors would often foresee wrongly. Those that settle stand apart: x_i =
/// φ(z_i) where row i has no entries, whatever the other states are; it stays the same from the
/// first iteration on, from the second one on so does a state that depends on such states alone,
/// and so on.
class RowOrder {
 public:
  explicit RowOrder(index_t rows)
      : settled_after_(static_cast<std::size_t>(rows)), rows_(settled_after_.size()) {}

  /// To be called before a launch: the pattern may have changed.
  void sort(const std::int64_t* row_offsets, const std::int32_t* col_indices);

  /// Rows that may change in every iteration; ascending for each number of entries.
  const RowsByEntries& live() const { return live_; }
  /// Rows that do not after settling() iterations.
  const RowsByEntries& settled() const { return settled_; }
  int settling() const { return settling_; }

 private:
  static constexpr std::size_t k_kinds = k_many_entries + 1;
  static constexpr int k_most_settling = 16;

  void find_settled(const std::int64_t* row_offsets, const std::int32_t* col_indices);

  std::vector<std::uint8_t> settled_after_;  ///< iterations, for each row; 0: never
  std::vector<std::int32_t> rows_;
  RowsByEntries live_, settled_;
  int settling_ = 0;
};

}  // namespace idl::cpu
