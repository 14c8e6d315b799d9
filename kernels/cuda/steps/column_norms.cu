// SPDX-License-Identifier: MIT
// norms_j = Σ_i |w_i X_ij| or max_i |w_i X_ij|.
//
// A team of threads (columns.cuh) sweeps a column, one element per thread at a time. 1 read of n·m
// elements. Sums are taken in double.
#include <cmath>

#include "kernels/cuda/device/columns.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

template <class T>
__device__ T weighted(const T* x, const T* weights, index_t i) {
  return weights == nullptr ? x[i] : weights[i] * x[i];
}

template <class T, int Threads>
__global__ void one_norms_kernel(ConstMatrixView<T> X, const T* weights, T* norms) {
  using Team = ColumnTeam<Threads>;
  __shared__ SharedArray<double, Team::k_shared> shared;
  const index_t j = Team::column();
  if (j >= X.cols) return;
  const T* x = X.data + j * X.ld;
  double sum = 0;
  for (index_t i = Team::rank(); i < X.rows; i += Threads) {
    sum += std::abs(static_cast<double>(weighted(x, weights, i)));
  }
  sum = Team::reduce(sum, Plus{}, shared);
  if (Team::rank() == 0) norms[j] = static_cast<T>(sum);
}

template <class T, int Threads>
__global__ void inf_norms_kernel(ConstMatrixView<T> X, const T* weights, T* norms) {
  using Team = ColumnTeam<Threads>;
  __shared__ SharedArray<Magnitude<T>, Team::k_shared> shared;
  const index_t j = Team::column();
  if (j >= X.cols) return;
  const T* x = X.data + j * X.ld;
  Magnitude<T> largest = 0;
  for (index_t i = Team::rank(); i < X.rows; i += Threads) {
    largest = Maximum{}(largest, magnitude(weighted(x, weights, i)));
  }
  largest = Team::reduce(largest, Maximum{}, shared);
  if (Team::rank() == 0) norms[j] = from_magnitude<T>(largest);
}

template <int Threads, class T>
void launch_norms(const ColumnNorms<T>& norms, CUstream_st* stream) {
  launch(norms.kind == NormKind::one ? one_norms_kernel<T, Threads> : inf_norms_kernel<T, Threads>,
         ColumnTeam<Threads>::shape(norms.X.cols), stream, norms.X,
         norms.weights.size > 0 ? norms.weights.data : nullptr, norms.norms.data);
}

}  // namespace

template <class T>
void column_norms(const ColumnNorms<T>& norms, CUstream_st* stream) {
  if (norms.X.cols == 0) return;
  norms.X.rows <= k_short_column ? launch_norms<32>(norms, stream)
                                 : launch_norms<256>(norms, stream);
}

template void column_norms(const ColumnNorms<float>&, CUstream_st*);
template void column_norms(const ColumnNorms<double>&, CUstream_st*);

}  // namespace idl::cuda
