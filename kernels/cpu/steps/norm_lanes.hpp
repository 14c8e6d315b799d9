// SPDX-License-Identifier: MIT
#pragma once

#include "idl/matrix.hpp"
#include "kernels/cpu/steps/magnitude.hpp"

namespace idl::cpu {

/// The largest step and the largest entry of a column, lane by lane of a vector: blocks of its rows
/// join them without a look across the lanes.
template <class T>
struct alignas(64) NormLanes {
  static constexpr index_t k_lanes = 64 / static_cast<index_t>(sizeof(T));
  Magnitude<T> step[64 / sizeof(T)];
  Magnitude<T> state[64 / sizeof(T)];
};

}  // namespace idl::cpu
