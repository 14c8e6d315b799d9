// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "idl/matrix.hpp"

namespace idl::cpu {

/// Takes the cache lines of `count` entries to this core ahead of their being written: those that
/// another core has read since would each hold up the stores after it. The optimiser finds the
/// whole model so after a training step. To be called within with_widest_vectors, where the
/// instruction for it is there.
template <class T>
__attribute__((always_inline)) inline void prefetch_for_writing(const T* data, index_t count) {
  constexpr index_t k_line = 64 / static_cast<index_t>(sizeof(T));
  for (index_t i = 0; i < count; i += k_line) __builtin_prefetch(data + i, 1);
}

/// The column to be fetched while column j is worked on.
template <class T>
const T* column_to_prefetch(const MatrixView<T>& M, index_t j) {
  constexpr index_t k_ahead = 2;
  return M.data + std::min(j + k_ahead, M.cols - 1) * M.ld;
}

}  // namespace idl::cpu
