// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/row_order.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace idl::cpu {

// Only rows with few entries are looked at: a state that depends on many others hardly settles, and
// this must take less time than an iteration.
void RowOrder::find_settled(const std::int64_t* row_offsets, const std::int32_t* col_indices) {
  const std::size_t n = rows_.size();
  for (std::size_t i = 0; i < n; ++i) settled_after_[i] = row_offsets[i] == row_offsets[i + 1];
  settling_ = std::count(settled_after_.begin(), settled_after_.end(), 1) > 0 ? 1 : 0;
  const auto settles = [&](std::size_t i) {
    if (settled_after_[i] != 0) return false;
    const std::int64_t end = row_offsets[i + 1];
    if (end - row_offsets[i] >= static_cast<std::int64_t>(k_many_entries)) return false;
    return std::all_of(col_indices + row_offsets[i], col_indices + end, [&](std::int32_t j) {
      const int after = settled_after_[static_cast<std::size_t>(j)];
      return after > 0 && after <= settling_;
    });
  };
  for (bool more = settling_ > 0; more && settling_ < k_most_settling;) {
    more = false;
    for (std::size_t i = 0; i < n; ++i) {
      if (!settles(i)) continue;
      settled_after_[i] = static_cast<std::uint8_t>(settling_ + 1);
      more = true;
    }
    if (more) ++settling_;
  }
}

void RowOrder::sort(const std::int64_t* row_offsets, const std::int32_t* col_indices) {
  find_settled(row_offsets, col_indices);
  const std::size_t n = rows_.size();
  // Live rows with no entries, one, ... and many, then settled ones.
  const auto group_of = [&](std::size_t i) {
    const auto entries = static_cast<std::size_t>(row_offsets[i + 1] - row_offsets[i]);
    return (settled_after_[i] > 0 ? k_kinds : 0) + std::min(k_many_entries, entries);
  };
  std::array<std::size_t, 2 * k_kinds + 1> begins{};  // at first of each group, one place further
  for (std::size_t i = 0; i < n; ++i) ++begins[group_of(i) + 1];
  for (std::size_t g = 1; g < begins.size(); ++g) begins[g] += begins[g - 1];
  for (std::size_t k = 0; k < k_kinds; ++k) {
    const auto group = [&](std::size_t g) {
      return std::span<const std::int32_t>(rows_).subspan(begins[g], begins[g + 1] - begins[g]);
    };
    live_[k] = group(k);
    settled_[k] = group(k_kinds + k);
  }
  for (std::size_t i = 0; i < n; ++i) rows_[begins[group_of(i)]++] = static_cast<std::int32_t>(i);
}

}  // namespace idl::cpu
