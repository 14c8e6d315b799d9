// SPDX-License-Identifier: MIT
// losses_j = log Σ_i exp(Y_ij) − Y_{label,j}, dY = scale·(softmax(Y) − onehot), correct_j.
//
// A team of threads (columns.cuh) passes over its column three times: largest entry, sum of
// exponentials in double, derivative. 1 read from memory (the later ones hit the cache) and 1 write
// of q·m elements.
#include <cmath>
#include <limits>

#include "kernels/cuda/device/best_entry.cuh"
#include "kernels/cuda/device/columns.cuh"
#include "kernels/cuda/runtime/launchers.hpp"
#include "kernels/math/losses.hpp"

namespace idl::cuda {
namespace {

template <class T, int Threads>
__global__ void softmax_cross_entropy_kernel(SoftmaxCrossEntropy<T> loss, T nan) {
  using Team = ColumnTeam<Threads>;
  __shared__ SharedArray<BestEntry<T>, Team::k_shared> best_shared;
  __shared__ SharedArray<double, Team::k_shared> sum_shared;
  const index_t j = Team::column();
  if (j >= loss.Y.cols) return;
  const T* y = loss.Y.data + j * loss.Y.ld;
  const index_t q = loss.Y.rows;
  const std::int32_t label = loss.labels.data[j];
  const bool known = is_class(label, q);

  const BestEntry<T> best = best_of_column<Threads>(y, q, best_shared);
  const T max = known ? best.value : nan;
  double exact_sum = 0;
  for (index_t i = Team::rank(); i < q; i += Threads) {
    exact_sum += static_cast<double>(std::exp(y[i] - max));
  }
  const T sum = static_cast<T>(Team::reduce(exact_sum, Plus{}, sum_shared));
  if (Team::rank() == 0) {
    loss.losses.data[j] = known ? cross_entropy(y[label], max, sum) : nan;
    if (loss.correct.size > 0) {
      loss.correct.data[j] = known && is_right(best.value, best.row, label) ? T(1) : T(0);
    }
  }
  if (loss.dY.cols == 0) return;
  T* dy = loss.dY.data + j * loss.dY.ld;
  for (index_t i = Team::rank(); i < q; i += Threads) {
    dy[i] = cross_entropy_derivative(std::exp(y[i] - max), sum, i == label, loss.scale);
  }
}

template <int Threads, class T>
void launch_loss(const SoftmaxCrossEntropy<T>& loss, CUstream_st* stream) {
  launch(softmax_cross_entropy_kernel<T, Threads>, ColumnTeam<Threads>::shape(loss.Y.cols), stream,
         loss, std::numeric_limits<T>::quiet_NaN());
}

}  // namespace

template <class T>
void softmax_cross_entropy(const SoftmaxCrossEntropy<T>& loss, CUstream_st* stream) {
  if (loss.Y.cols == 0) return;
  loss.Y.rows <= k_short_column ? launch_loss<32>(loss, stream) : launch_loss<256>(loss, stream);
}

template void softmax_cross_entropy(const SoftmaxCrossEntropy<float>&, CUstream_st*);
template void softmax_cross_entropy(const SoftmaxCrossEntropy<double>&, CUstream_st*);

}  // namespace idl::cuda
