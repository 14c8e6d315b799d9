// SPDX-License-Identifier: MIT
// One step of Anderson acceleration per running column (kernels/math/anderson.hpp).
//
// A team of threads (columns.cuh) sweeps its column twice: 4 reads for the five inner products,
// which the team adds in fixed trees; then 4 reads, mostly from a cache, and 4 writes. A column's
// bits depend on n alone.
#include "kernels/math/anderson.hpp"

#include "idl/detail/column_status.hpp"
#include "idl/solver.hpp"
#include "kernels/cuda/device/columns.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

template <class T, int Threads>
__global__ void anderson_mix_kernel(AndersonMix<T> mix) {
  using Team = ColumnTeam<Threads>;
  __shared__ SharedArray<T, Team::k_shared> shared;
  const index_t j = Team::column();
  if (j >= mix.X.cols) return;
  if (mix.status.data[j] != k_running) return;

  const index_t n = mix.X.rows;
  const std::int32_t points = mix.iterations.data[j] == 1 ? 0 : mix.points.data[j];
  const bool even_next = points % 2 == 0;
  const MatrixView<T>& F_to = even_next ? mix.F_even : mix.F_odd;
  const MatrixView<T>& G_to = even_next ? mix.G_even : mix.G_odd;
  const MatrixView<T>& F_from = even_next ? mix.F_odd : mix.F_even;
  const MatrixView<T>& G_from = even_next ? mix.G_odd : mix.G_even;
  T* F_next = F_to.data + j * F_to.ld;
  T* G_next = G_to.data + j * G_to.ld;
  const T* F_last = F_from.data + j * F_from.ld;
  const T* G_last = G_from.data + j * G_from.ld;
  T* x = mix.X.data + j * mix.X.ld;
  T* y = mix.Y.data + j * mix.Y.ld;
  const T step = mix.step_norms.data[j];

  if (anderson_rejects(points, step, mix.accepted.data[j], static_cast<T>(k_anderson_decrease))) {
    for (index_t i = Team::rank(); i < n; i += Threads) {
      const T back = F_last[i];
      x[i] = back;
      y[i] = back;
    }
    Team::synchronize();
    if (Team::rank() == 0) {
      mix.points.data[j] = 0;
      mix.fallbacks.data[j] += 1;
    }
    return;
  }

  AndersonProducts<T> products;
  if (points >= 1) {
    for (index_t i = Team::rank(); i < n; i += Threads) {
      const T G = x[i] - y[i];
      const T d1 = G - G_last[i];
      const T d2 = points >= 2 ? G - G_next[i] : T(0);
      products.d11 += d1 * d1;
      products.d12 += d1 * d2;
      products.d22 += d2 * d2;
      products.d1G += d1 * G;
      products.d2G += d2 * G;
    }
    products.d11 = Team::reduce(products.d11, Plus{}, shared);
    products.d12 = Team::reduce(products.d12, Plus{}, shared);
    products.d22 = Team::reduce(products.d22, Plus{}, shared);
    products.d1G = Team::reduce(products.d1G, Plus{}, shared);
    products.d2G = Team::reduce(products.d2G, Plus{}, shared);
  }
  const AndersonWeights<T> weights = anderson_weights(products, points);
  for (index_t i = Team::rank(); i < n; i += Threads) {
    const T F = x[i];
    const T G = F - y[i];
    // What a history that is not there yet holds may be anything.
    const T first = points < 1 ? T(0) : weights.newest * (F - F_last[i]);
    const T second = points < 2 ? T(0) : weights.older * (F - F_next[i]);
    const T next = F - first - second;
    F_next[i] = F;
    G_next[i] = G;
    x[i] = next;
    y[i] = next;
  }
  Team::synchronize();
  if (Team::rank() == 0) {
    mix.accepted.data[j] = step;
    mix.points.data[j] = points + 1;
  }
}

template <int Threads, class T>
void launch_mix(const AndersonMix<T>& mix, CUstream_st* stream) {
  launch(anderson_mix_kernel<T, Threads>, ColumnTeam<Threads>::shape(mix.X.cols), stream, mix);
}

}  // namespace

template <class T>
void anderson_mix(const AndersonMix<T>& mix, CUstream_st* stream) {
  if (mix.X.cols == 0) return;
  mix.X.rows <= k_short_column ? launch_mix<32>(mix, stream) : launch_mix<256>(mix, stream);
}

template void anderson_mix(const AndersonMix<float>&, CUstream_st*);
template void anderson_mix(const AndersonMix<double>&, CUstream_st*);

}  // namespace idl::cuda
