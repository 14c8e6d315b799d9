// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>

#include "idl/matrix.hpp"

namespace idl::cuda {

/// Columns start on 16 bytes, for packed loads, and on 32, a sector of memory, where they are long
/// enough for the padding not to matter.
inline index_t leading_dimension(index_t rows, std::size_t element_size) noexcept {
  constexpr index_t k_access = 16;
  constexpr index_t k_sector = 32;
  const auto size = static_cast<index_t>(element_size);
  const index_t bytes = rows * size;
  if (bytes <= k_access) return std::max<index_t>(rows, 1);
  const index_t unit = bytes < 8 * k_sector ? k_access : k_sector;
  return (bytes + unit - 1) / unit * unit / size;
}

}  // namespace idl::cuda
