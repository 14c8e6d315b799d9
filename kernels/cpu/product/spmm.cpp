// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

// Each entry of C is summed in the order of the entries of A, whatever the number of columns.
namespace idl::cpu {
namespace {

// Columns taken together, so that an entry of A is read once for all of them.
constexpr index_t k_columns = 8;
constexpr index_t k_row_block = 256;

template <class T>
T scaled(T beta, T old) {
  return beta == T(0) ? T(0) : beta * old;  // C is not read into the result with beta == 0
}

// Rows [row, row_end) of C(:, j..j+Count).
template <class T, std::size_t Count>
void multiply_rows(const Spmm<T>& s, index_t row, index_t row_end, index_t j) {
  const T* b = s.B.data + j * s.B.ld;
  T* c = s.C.data + j * s.C.ld;
  for (index_t i = row; i < row_end; ++i) {
    T sums[Count] = {};
    for (std::int64_t e = s.A.row_offsets[i]; e < s.A.row_offsets[i + 1]; ++e) {
      const T a = s.A.values[e];
      const T* entry = b + s.A.col_indices[e];
      for (std::size_t l = 0; l < Count; ++l) {
        sums[l] += a * entry[static_cast<index_t>(l) * s.B.ld];
      }
    }
    for (std::size_t l = 0; l < Count; ++l) {
      T& target = c[i + static_cast<index_t>(l) * s.C.ld];
      target = sums[l] + scaled(s.beta, target);
    }
  }
}

template <class T>
void multiply(const Spmm<T>& s) {
  const index_t row_blocks = (s.C.rows + k_row_block - 1) / k_row_block;
  const index_t column_blocks = (s.C.cols + k_columns - 1) / k_columns;
  const index_t density = s.C.rows > 0 ? s.A.nnz / s.C.rows + 1 : 1;
  parallel_for(row_blocks * column_blocks, k_row_block * k_columns * density, [&](index_t task) {
    const index_t row = task % row_blocks * k_row_block;
    const index_t row_end = std::min(s.C.rows, row + k_row_block);
    const index_t first = task / row_blocks * k_columns;
    if (first + k_columns <= s.C.cols) {
      multiply_rows<T, std::size_t{k_columns}>(s, row, row_end, first);
      return;
    }
    for (index_t j = first; j < s.C.cols; ++j) multiply_rows<T, 1>(s, row, row_end, j);
  });
}

// Aᵀ B spreads row i of A over the rows of C, so a column of C belongs to one task.
template <class T>
void multiply_transposed(const Spmm<T>& s) {
  parallel_for(s.C.cols, s.A.nnz + s.C.rows, [&](index_t j) {
    const T* b = s.B.data + j * s.B.ld;
    T* c = s.C.data + j * s.C.ld;
    for (index_t i = 0; i < s.C.rows; ++i) c[i] = scaled(s.beta, c[i]);
    for (index_t i = 0; i < s.A.rows; ++i) {
      for (std::int64_t e = s.A.row_offsets[i]; e < s.A.row_offsets[i + 1]; ++e) {
        c[s.A.col_indices[e]] += s.A.values[e] * b[i];
      }
    }
  });
}

}  // namespace

template <class T>
void execute(const Spmm<T>& s, Scratch&) {
  if (s.transpose_A) {
    multiply_transposed(s);
  } else {
    multiply(s);
  }
}

template void execute(const Spmm<float>&, Scratch&);
template void execute(const Spmm<double>&, Scratch&);

}  // namespace idl::cpu
