// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {

/// The pattern of a sparse matrix, whatever its values.
struct Pattern {
  const std::int64_t* row_offsets;
  const std::int32_t* col_indices;
  index_t rows;
  index_t cols;
  index_t nnz;
};

template <class T>
Pattern pattern_of(const ConstCsrView<T>& A) {
  return {A.row_offsets, A.col_indices, A.rows, A.cols, A.nnz};
}

/// Bytes that transpose_pattern needs for a pattern of this size. The device must be current.
std::size_t transposed_pattern_bytes(const Pattern& pattern);

/// Where the transposed pattern will be in `memory`; known before it is computed.
TransposedPattern transposed_pattern_in(void* memory, const Pattern& pattern);

/// Computes it, in order on the stream: the entries of a column keep the order of their rows.
/// `memory` has transposed_pattern_bytes(pattern) bytes and is aligned to 256.
void transpose_pattern(const Pattern& pattern, void* memory, CUstream_st* stream);

}  // namespace idl::cuda
