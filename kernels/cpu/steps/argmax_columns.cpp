// SPDX-License-Identifier: MIT
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/math/extrema.hpp"

namespace idl::cpu {

template <class T>
void execute(const ArgmaxColumns<T>& argmax, Scratch&) {
  if (argmax.X.rows == 0) return;
  parallel_for(argmax.X.cols, argmax.X.rows, [&](index_t j) {
    const T* x = argmax.X.data + j * argmax.X.ld;
    index_t best = 0;
    for (index_t i = 1; i < argmax.X.rows; ++i) {
      if (beats(x[i], i, x[best], best)) best = i;
    }
    argmax.indices.data[j] = x[best] == x[best] ? static_cast<std::int32_t>(best) : -1;
  });
}

template void execute(const ArgmaxColumns<float>&, Scratch&);
template void execute(const ArgmaxColumns<double>&, Scratch&);

}  // namespace idl::cpu
