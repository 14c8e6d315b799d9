// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/cpu/product/sample_rows.hpp"
#include "kernels/cpu/runtime/execute.hpp"

namespace idl::cpu {

template <class T>
void execute(const SampleSpmm<T>& s, Scratch&) {
  for_each_sample_tile(s.C.rows, s.A.nnz + s.C.cols, [&](index_t first, index_t count) {
    for (index_t i = 0; i < s.C.cols; ++i)
      multiply_row(s.A, i, s.B.row_range(first, count), s.C.data + first + i * s.C.ld);
  });
}

template void execute(const SampleSpmm<float>&, Scratch&);
template void execute(const SampleSpmm<double>&, Scratch&);

}  // namespace idl::cpu
