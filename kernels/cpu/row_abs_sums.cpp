// SPDX-License-Identifier: MIT
#include <cmath>

#include "kernels/cpu/execute.hpp"
#include "kernels/cpu/row_tiles.hpp"
#include "kernels/cpu/vector_width.hpp"

namespace idl::cpu {
namespace {

// Sums in double, over the columns from left to right.
template <class T>
void sum_tile(const T* a, index_t ld, index_t rows, index_t cols, T* sums) {
  with_widest_vectors([=](auto) __attribute__((always_inline)) {
    double sum[k_tile_rows] = {};
    for (index_t j = 0; j < cols; ++j) {
      const T* column = a + j * ld;
      for (index_t l = 0; l < rows; ++l) sum[l] += static_cast<double>(std::abs(column[l]));
    }
    for (index_t l = 0; l < rows; ++l) sums[l] = static_cast<T>(sum[l]);
  });
}

}  // namespace

template <class T>
void execute(const RowAbsSums<T>& r, Scratch&) {
  for_each_row_tile(r.A.rows, r.A.cols, [&](index_t first, index_t rows) {
    sum_tile(r.A.data + first, r.A.ld, rows, r.A.cols, r.sums.data + first);
  });
}

template void execute(const RowAbsSums<float>&, Scratch&);
template void execute(const RowAbsSums<double>&, Scratch&);

}  // namespace idl::cpu
