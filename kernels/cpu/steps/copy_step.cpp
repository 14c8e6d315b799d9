// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {

template <class T>
void execute(const CopyStep<T>& copy, Scratch&) {
  const index_t rows = copy.Y.rows;
  parallel_for(copy.Y.cols, rows, [&](index_t j) {
    T* to = copy.Y.data + j * copy.Y.ld;
    const bool ended = copy.lengths.data[j] <= copy.step;
    if (ended && copy.keep) return;
    if (ended || (copy.X.cols == 0 && !copy.add)) {
      std::fill_n(to, rows, T(0));
    } else if (copy.X.cols > 0) {
      const T* from = copy.X.data + j * copy.X.ld;
      if (copy.add)
        for (index_t i = 0; i < rows; ++i) to[i] += from[i];
      else
        std::copy_n(from, rows, to);
    }
  });
}

template void execute(const CopyStep<float>&, Scratch&);
template void execute(const CopyStep<double>&, Scratch&);

}  // namespace idl::cpu
