// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "idl/matrix.hpp"

namespace idl::cuda {

/// Tells AdamUpdate::left_out of an entry that was left out: rare, and whoever comes first, the
/// outcome is 1.
__device__ inline void note_left_out(const VectorView<std::int32_t>& left_out) {
  if (left_out.size > 0) atomicExch(left_out.data, 1);
}

}  // namespace idl::cuda
