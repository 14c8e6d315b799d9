// SPDX-License-Identifier: MIT
// losses_j = (1/q) Σ_i (Y−target)², dY = scale·(2/q)·(Y−target).
//
// A team of threads (columns.cuh) sweeps a column once; the sum is taken in double. 2 reads and 1
// write of q·m elements.
#include "kernels/cuda/device/columns.cuh"
#include "kernels/cuda/runtime/launchers.hpp"
#include "kernels/math/losses.hpp"

namespace idl::cuda {
namespace {

template <class T, int Threads>
__global__ void squared_error_kernel(SquaredError<T> loss, T factor) {
  using Team = ColumnTeam<Threads>;
  __shared__ SharedArray<double, Team::k_shared> shared;
  const index_t j = Team::column();
  if (j >= loss.Y.cols) return;
  const T* y = loss.Y.data + j * loss.Y.ld;
  const T* target = loss.target.data + j * loss.target.ld;
  T* dy = loss.dY.cols == 0 ? nullptr : loss.dY.data + j * loss.dY.ld;
  const index_t q = loss.Y.rows;
  double sum = 0;
  for (index_t i = Team::rank(); i < q; i += Threads) {
    const T value = y[i];
    const T wanted = target[i];
    const double difference = static_cast<double>(value) - static_cast<double>(wanted);
    sum += difference * difference;
    if (dy != nullptr) dy[i] = squared_error_derivative(value, wanted, factor);
  }
  sum = Team::reduce(sum, Plus{}, shared);
  if (Team::rank() == 0) loss.losses.data[j] = static_cast<T>(sum / static_cast<double>(q));
}

template <int Threads, class T>
void launch_loss(const SquaredError<T>& loss, CUstream_st* stream) {
  const T factor = loss.scale * T(2) / static_cast<T>(loss.Y.rows);
  launch(squared_error_kernel<T, Threads>, ColumnTeam<Threads>::shape(loss.Y.cols), stream, loss,
         factor);
}

}  // namespace

template <class T>
void squared_error(const SquaredError<T>& loss, CUstream_st* stream) {
  if (loss.Y.rows == 0 || loss.Y.cols == 0) return;
  loss.Y.rows <= k_short_column ? launch_loss<32>(loss, stream) : launch_loss<256>(loss, stream);
}

template void squared_error(const SquaredError<float>&, CUstream_st*);
template void squared_error(const SquaredError<double>&, CUstream_st*);

}  // namespace idl::cuda
