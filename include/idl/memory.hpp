// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace idl {

/// Counts of a Context's memory, to see that a second solve of the same shape allocates nothing.
/// What predict() keeps for calls of the same shape, 32 MiB at most, is in use until the Context
/// ends.
struct MemoryStatistics {
  std::size_t allocations = 0;   ///< calls that reached the allocator since the Context was made
  std::size_t bytes_in_use = 0;  ///< of matrices, vectors and working memory that live now
  std::size_t peak_bytes = 0;    ///< the largest bytes_in_use so far
};

}  // namespace idl
