// SPDX-License-Identifier: MIT
#include <limits>

#include "kernels/cpu/execute.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/math/elementary.hpp"
#include "kernels/math/extrema.hpp"
#include "kernels/math/losses.hpp"

namespace idl::cpu {
namespace {

template <class T>
void loss_of_column(const SoftmaxCrossEntropy<T>& loss, index_t j) {
  constexpr T k_nan = std::numeric_limits<T>::quiet_NaN();
  const T* y = loss.Y.data + j * loss.Y.ld;
  const index_t q = loss.Y.rows;
  const std::int32_t label = loss.labels.data[j];
  const bool known = is_class(label, q);

  index_t best = 0;
  for (index_t i = 1; i < q; ++i) {
    if (beats(y[i], i, y[best], best)) best = i;
  }
  if (loss.correct.size > 0) loss.correct.data[j] = known && best == label ? T(1) : T(0);

  const T max = known ? y[best] : k_nan;
  double exact_sum = 0;
  for (index_t i = 0; i < q; ++i) exact_sum += static_cast<double>(elementary::exp(y[i] - max));
  const T sum = static_cast<T>(exact_sum);
  loss.losses.data[j] = known ? cross_entropy(y[label], max, sum) : k_nan;
  if (loss.dY.cols == 0) return;
  T* dy = loss.dY.data + j * loss.dY.ld;
  for (index_t i = 0; i < q; ++i) {
    dy[i] = cross_entropy_derivative(y[i], max, sum, i == label, loss.scale);
  }
}

}  // namespace

template <class T>
void execute(const SoftmaxCrossEntropy<T>& loss, Scratch&) {
  constexpr index_t k_work_of_exp = 16;
  parallel_for(loss.Y.cols, loss.Y.rows * k_work_of_exp,
               [&](index_t j) { loss_of_column(loss, j); });
}

template void execute(const SoftmaxCrossEntropy<float>&, Scratch&);
template void execute(const SoftmaxCrossEntropy<double>&, Scratch&);

}  // namespace idl::cpu
