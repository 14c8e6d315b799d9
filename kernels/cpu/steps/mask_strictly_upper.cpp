// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {

template <class T>
void execute(const MaskStrictlyUpper<T>& mask, Scratch&) {
  const MatrixView<T>& A = mask.A;
  parallel_for(A.cols, A.rows, [&](index_t j) {
    if (j < A.rows) std::fill(A.data + j + j * A.ld, A.data + A.rows + j * A.ld, T(0));
  });
}

template void execute(const MaskStrictlyUpper<float>&, Scratch&);
template void execute(const MaskStrictlyUpper<double>&, Scratch&);

}  // namespace idl::cpu
