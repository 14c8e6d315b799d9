// SPDX-License-Identifier: MIT
// X(:,j) <- φ(S(:,j) + Z(:,j)) with ‖X_new − X_old‖∞ and ‖X_new‖∞ of the column.
//
// A team of threads (columns.cuh) sweeps a column in packs of 16 bytes; stopped columns are left
// after one byte of status has been read. 3 reads and 1 write of n·m elements; nothing else counts.
// An own activation makes φ of all entries first, in the working memory.
#include "idl/cuda/device/pack.cuh"
#include "idl/detail/column_status.hpp"
#include "idl/detail/rounded.hpp"
#include "idl/solver.hpp"
#include "kernels/cuda/device/columns.cuh"
#include "kernels/cuda/runtime/launchers.hpp"
#include "kernels/custom_activation.hpp"
#include "kernels/math/activations.hpp"

namespace idl::cuda {
namespace {

/// The next x of s and z.
template <class Phi>
struct ValueOfSum {
  Phi phi;
  template <class T>
  __device__ T operator()(T s, T z) const {
    return phi(s + z);
  }
};

/// Where s is φ already.
struct ValueAsItIs {
  template <class T>
  __device__ T operator()(T s, T) const {
    return s;
  }
};

template <class T, class Next, int N, int Threads>
__global__ void picard_update_kernel(PicardUpdate<T> u, Next next_of) {
  using Team = ColumnTeam<Threads>;
  __shared__ SharedArray<Magnitude<T>, Team::k_shared> shared;
  const index_t j = Team::column();
  if (j >= u.X.cols) return;
  if (u.status.data[j] != k_running) return;

  const T* __restrict__ s = u.S.data + j * u.S.ld;
  const T* __restrict__ z = u.Z.data + j * u.Z.ld;
  T* __restrict__ x = u.X.data + j * u.X.ld;
  const index_t n = u.X.rows;
  Magnitude<T> step = 0;
  Magnitude<T> state = 0;
  for (index_t i = static_cast<index_t>(Team::rank()) * N; i < n; i += index_t{Threads} * N) {
    const int count = n - i < N ? static_cast<int>(n - i) : N;
    by_packs<N>(count, [&](auto width, int at) {
      constexpr int W = decltype(width)::value;
      const Pack<T, W> product = load_pack<W>(s + i + at);
      const Pack<T, W> forcing = load_pack<W>(z + i + at);
      const Pack<T, W> old = load_pack<W>(x + i + at);
      Pack<T, W> next;
      for (int e = 0; e < W; ++e) {
        next.x[e] = next_of(product.x[e], forcing.x[e]);
        // Never fused with what made next: at a fixed point the step is 0.
        step = Maximum{}(step, magnitude(rounded::add(next.x[e], -old.x[e])));
        state = Maximum{}(state, magnitude(next.x[e]));
      }
      store_pack(x + i + at, next);
    });
  }
  step = Team::reduce(step, Maximum{}, shared);
  state = Team::reduce(state, Maximum{}, shared);
  if (Team::rank() == 0) {
    if (u.join) {
      step = Maximum{}(step, magnitude(u.step_norms.data[j]));
      state = Maximum{}(state, magnitude(u.state_norms.data[j]));
    }
    u.step_norms.data[j] = from_magnitude<T>(step);
    u.state_norms.data[j] = from_magnitude<T>(state);
  }
}

template <int N, int Threads, class T, class Next>
void launch_update(const PicardUpdate<T>& u, Next next_of, CUstream_st* stream) {
  launch(picard_update_kernel<T, Next, N, Threads>, ColumnTeam<Threads>::shape(u.X.cols), stream, u,
         next_of);
}

template <class T, class Next>
void choose_update(const PicardUpdate<T>& u, Next next_of, CUstream_st* stream) {
  const bool is_short = u.X.rows <= k_short_column;
  if (packs_fit(u.S, u.Z, u.X)) {
    is_short ? launch_update<k_pack<T>, 32>(u, next_of, stream)
             : launch_update<k_pack<T>, 256>(u, next_of, stream);
  } else {
    is_short ? launch_update<1, 32>(u, next_of, stream) : launch_update<1, 256>(u, next_of, stream);
  }
}

}  // namespace

template <class T>
std::size_t picard_update_bytes(const PicardUpdate<T>& u) {
  if (u.activation.kind != ActivationKind::custom) return 0;
  return static_cast<std::size_t>(u.X.rows * u.X.cols) * sizeof(T);
}

template <class T>
void picard_update(const PicardUpdate<T>& update, void* scratch, CUstream_st* stream) {
  const MatrixView<T> X = update.X;
  if (X.cols == 0) return;
  const Activation& activation = update.activation;
  if (activation.kind != ActivationKind::custom) {
    dispatch<T>(activation,
                [&](auto phi) { choose_update(update, ValueOfSum<decltype(phi)>{phi}, stream); });
    return;
  }
  const MatrixView<T> values = {static_cast<T*>(scratch), X.rows, X.cols, X.rows, X.device};
  kernels_of<T>(custom_of(activation)).value(activation.alpha, update.S, update.Z, values, stream);
  PicardUpdate<T> rest = update;
  rest.S = values;
  rest.Z = values;
  choose_update(rest, ValueAsItIs{}, stream);
}

template std::size_t picard_update_bytes(const PicardUpdate<float>&);
template std::size_t picard_update_bytes(const PicardUpdate<double>&);
template void picard_update(const PicardUpdate<float>&, void*, CUstream_st*);
template void picard_update(const PicardUpdate<double>&, void*, CUstream_st*);

}  // namespace idl::cuda
