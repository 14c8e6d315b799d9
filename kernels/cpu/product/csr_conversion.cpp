// SPDX-License-Identifier: MIT
// DenseToCsr and CsrToDense. What is 0 is asked of the bits: the processor takes subnormals for it.
#include <algorithm>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/row_tiles.hpp"
#include "kernels/cpu/steps/magnitude.hpp"

namespace idl::cpu {
namespace {

// row_offsets[i + 1] <- the number of nonzero entries of row i.
template <class T>
void count_rows(const DenseToCsr<T>& c) {
  for_each_row_tile(c.A.rows, c.A.cols, [&](index_t first, index_t rows) {
    std::int64_t counts[k_tile_rows] = {};
    for (index_t j = 0; j < c.A.cols; ++j) {
      const T* column = c.A.data + first + j * c.A.ld;
      for (index_t l = 0; l < rows; ++l) counts[l] += magnitude(column[l]) != 0 ? 1 : 0;
    }
    std::copy_n(counts, rows, c.P.row_offsets + first + 1);
  });
}

template <class T>
void write_entries(const DenseToCsr<T>& c) {
  for_each_row_tile(c.A.rows, c.A.cols, [&](index_t first, index_t rows) {
    std::int64_t next[k_tile_rows];
    std::copy_n(c.P.row_offsets + first, rows, next);
    for (index_t j = 0; j < c.A.cols; ++j) {
      const T* column = c.A.data + first + j * c.A.ld;
      for (index_t l = 0; l < rows; ++l) {
        if (magnitude(column[l]) == 0) continue;
        c.P.col_indices[next[l]] = static_cast<std::int32_t>(j);
        c.P.values[next[l]] = column[l];
        next[l] += 1;
      }
    }
  });
}

}  // namespace

template <class T>
void execute(const DenseToCsr<T>& c, Scratch&) {
  count_rows(c);
  std::int64_t* offsets = c.P.row_offsets;
  offsets[0] = 0;
  for (index_t i = 0; i < c.A.rows; ++i) offsets[i + 1] += offsets[i];
  c.nnz.data[0] = offsets[c.A.rows];
  if (offsets[c.A.rows] <= c.P.capacity) write_entries(c);
}

template <class T>
void execute(const CsrToDense<T>& c, Scratch&) {
  for_each_row_tile(c.A.rows, c.A.cols, [&](index_t first, index_t rows) {
    for (index_t j = 0; j < c.A.cols; ++j) {
      std::fill_n(c.A.data + first + j * c.A.ld, rows, T(0));
    }
    for (index_t i = first; i < first + rows; ++i) {
      for (std::int64_t e = c.P.row_offsets[i]; e < c.P.row_offsets[i + 1]; ++e) {
        c.A.data[i + c.P.col_indices[e] * c.A.ld] = c.P.values[e];
      }
    }
  });
}

template void execute(const DenseToCsr<float>&, Scratch&);
template void execute(const DenseToCsr<double>&, Scratch&);
template void execute(const CsrToDense<float>&, Scratch&);
template void execute(const CsrToDense<double>&, Scratch&);

}  // namespace idl::cpu
