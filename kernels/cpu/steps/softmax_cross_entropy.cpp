// SPDX-License-Identifier: MIT
#include <algorithm>
#include <limits>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/math/elementary.hpp"
#include "kernels/math/extrema.hpp"
#include "kernels/math/losses.hpp"

namespace idl::cpu {
namespace {

/// Σ exp(y_i − max), and the terms where there is a place for them. In full vectors: with ten
/// classes one holds all of a column.
template <class T>
double sum_of_terms(const T* y, index_t q, T max, T* terms) {
  constexpr index_t k_lanes = 64 / static_cast<index_t>(sizeof(T));
  double sum = 0;
  with_widest_vectors([&, max ](auto) __attribute__((always_inline)) {
    for (index_t i = 0; i < q; i += k_lanes) {
      const index_t count = std::min(k_lanes, q - i);
      T lanes[64 / sizeof(T)];
      std::fill_n(lanes, k_lanes, max);
      std::copy_n(y + i, count, lanes);
      for (index_t l = 0; l < k_lanes; ++l) lanes[l] = elementary::exp(lanes[l] - max);
      for (index_t l = 0; l < count; ++l) sum += static_cast<double>(lanes[l]);
      if (terms != nullptr) std::copy_n(lanes, count, terms + i);
    }
  });
  return sum;
}

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
  if (loss.correct.size > 0)
    loss.correct.data[j] = known && is_right(y[best], best, label) ? T(1) : T(0);

  const T max = known ? y[best] : k_nan;
  T* dy = loss.dY.cols > 0 ? loss.dY.data + j * loss.dY.ld : nullptr;
  const T sum = static_cast<T>(sum_of_terms(y, q, max, dy));
  loss.losses.data[j] = known ? cross_entropy(y[label], max, sum) : k_nan;
  if (dy == nullptr) return;
  for (index_t i = 0; i < q; ++i)
    dy[i] = cross_entropy_derivative(dy[i], sum, i == label, loss.scale);
}

}  // namespace

template <class T>
void execute(const SoftmaxCrossEntropy<T>& loss, Scratch&) {
  // An exponential, a division and the search for the largest; ten classes take 0.1 us.
  constexpr index_t k_work_of_entry = 72;
  parallel_for(loss.Y.cols, loss.Y.rows * k_work_of_entry,
               [&](index_t j) { loss_of_column(loss, j); });
}

template void execute(const SoftmaxCrossEntropy<float>&, Scratch&);
template void execute(const SoftmaxCrossEntropy<double>&, Scratch&);

}  // namespace idl::cpu
