// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "idl/matrix.hpp"

namespace idl::cpu {

/// Counts the entries of a column in integers as wide as T, so that counting takes no other vectors
/// than computing does.
template <class T>
using EntryCount = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

/// Tells AdamUpdate::left_out of entries that were left out, from whichever thread.
inline void note_left_out(const VectorView<std::int32_t>& left_out) {
  if (left_out.size > 0) std::atomic_ref(*left_out.data).store(1, std::memory_order_relaxed);
}

}  // namespace idl::cpu
