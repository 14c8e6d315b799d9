// SPDX-License-Identifier: MIT
#include <cmath>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {

template <class T>
void execute(const CsrRowAbsSums<T>& r, Scratch&) {
  const ConstCsrView<T>& A = r.A;
  if (A.rows == 0) return;
  parallel_for(A.rows, A.nnz / A.rows + 1, [&](index_t i) {
    double sum = 0;
    for (std::int64_t e = A.row_offsets[i]; e < A.row_offsets[i + 1]; ++e)
      sum += std::abs(static_cast<double>(A.values[e]));
    r.sums.data[i] = static_cast<T>(sum);
  });
}

template void execute(const CsrRowAbsSums<float>&, Scratch&);
template void execute(const CsrRowAbsSums<double>&, Scratch&);

}  // namespace idl::cpu
