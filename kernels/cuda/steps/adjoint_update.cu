// SPDX-License-Identifier: MIT
// V(:,j) <- Psi(:,j) ∘ (W(:,j) + G(:,j)) with ‖V_new − V_old‖₁ and ‖V_new‖₁ of the column.
//
// A team of threads (columns.cuh) sweeps a column in packs of 16 bytes. Each thread sums its packs
// from top to bottom, the team adds the threads in a fixed tree, so the order depends on n alone.
// 4 reads and 1 write of n·m elements.
#include <cmath>

#include "idl/cuda/device/pack.cuh"
#include "idl/detail/column_status.hpp"
#include "idl/detail/rounded.hpp"
#include "idl/solver.hpp"
#include "kernels/cuda/device/columns.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

// A thread takes the same entries in the same order with N = 1 as with N = k_pack<T>: the bits must
// not depend on where a column starts.
template <class T, int N, int Threads>
__global__ void adjoint_update_kernel(AdjointUpdate<T> u) {
  using Team = ColumnTeam<Threads>;
  constexpr int k_width = k_pack<T>;
  __shared__ SharedArray<T, Team::k_shared> shared;
  const index_t j = Team::column();
  if (j >= u.V.cols) return;
  if (u.status.data[j] != k_running) return;

  const T* __restrict__ w = u.W.data + j * u.W.ld;
  const T* __restrict__ g = u.G.data + j * u.G.ld;
  const T* __restrict__ psi = u.Psi.data + j * u.Psi.ld;
  T* __restrict__ v = u.V.data + j * u.V.ld;
  const index_t n = u.V.rows;
  T step = T(0);
  T state = T(0);
  for (index_t i = static_cast<index_t>(Team::rank()) * k_width; i < n;
       i += index_t{Threads} * k_width) {
    const int count = n - i < k_width ? static_cast<int>(n - i) : k_width;
    by_packs<N>(count, [&](auto width, int at) {
      constexpr int W = decltype(width)::value;
      const Pack<T, W> product = load_pack<W>(w + i + at);
      const Pack<T, W> forcing = load_pack<W>(g + i + at);
      const Pack<T, W> slope = load_pack<W>(psi + i + at);
      const Pack<T, W> old = load_pack<W>(v + i + at);
      Pack<T, W> next;
      for (int e = 0; e < W; ++e) {
        next.x[e] = slope.x[e] * (product.x[e] + forcing.x[e]);
        // Never fused with what made next: at a fixed point the step is 0.
        step += std::abs(rounded::add(next.x[e], -old.x[e]));
        state += std::abs(next.x[e]);
      }
      store_pack(v + i + at, next);
    });
  }
  step = Team::reduce(step, Plus{}, shared);
  state = Team::reduce(state, Plus{}, shared);
  if (Team::rank() == 0) {
    u.step_norms.data[j] = u.join ? u.step_norms.data[j] + step : step;
    u.state_norms.data[j] = u.join ? u.state_norms.data[j] + state : state;
  }
}

template <int N, int Threads, class T>
void launch_update(const AdjointUpdate<T>& u, CUstream_st* stream) {
  launch(adjoint_update_kernel<T, N, Threads>, ColumnTeam<Threads>::shape(u.V.cols), stream, u);
}

}  // namespace

template <class T>
void adjoint_update(const AdjointUpdate<T>& u, CUstream_st* stream) {
  if (u.V.cols == 0) return;
  const bool is_short = u.V.rows <= k_short_column;
  if (packs_fit(u.W, u.G, u.Psi, u.V)) {
    is_short ? launch_update<k_pack<T>, 32>(u, stream) : launch_update<k_pack<T>, 256>(u, stream);
  } else {
    is_short ? launch_update<1, 32>(u, stream) : launch_update<1, 256>(u, stream);
  }
}

template void adjoint_update(const AdjointUpdate<float>&, CUstream_st*);
template void adjoint_update(const AdjointUpdate<double>&, CUstream_st*);

}  // namespace idl::cuda
