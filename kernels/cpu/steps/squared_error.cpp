// SPDX-License-Identifier: MIT
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/math/losses.hpp"

namespace idl::cpu {

template <class T>
void execute(const SquaredError<T>& loss, Scratch&) {
  const index_t q = loss.Y.rows;
  if (q == 0) return;
  const T factor = loss.scale * T(2) / static_cast<T>(q);
  parallel_for(loss.Y.cols, q, [&](index_t j) {
    const T* y = loss.Y.data + j * loss.Y.ld;
    const T* target = loss.target.data + j * loss.target.ld;
    double sum = 0;
    for (index_t i = 0; i < q; ++i) {
      const double difference = static_cast<double>(y[i]) - static_cast<double>(target[i]);
      sum += difference * difference;
    }
    loss.losses.data[j] = static_cast<T>(sum / static_cast<double>(q));
    if (loss.dY.cols == 0) return;
    T* dy = loss.dY.data + j * loss.dY.ld;
    for (index_t i = 0; i < q; ++i) dy[i] = squared_error_derivative(y[i], target[i], factor);
  });
}

template void execute(const SquaredError<float>&, Scratch&);
template void execute(const SquaredError<double>&, Scratch&);

}  // namespace idl::cpu
