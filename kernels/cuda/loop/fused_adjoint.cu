// SPDX-License-Identifier: MIT
// V <- Ψ∘(AᵀV + G), iterated in one kernel (fused_loop.cuh); norms are sums.
#include "kernels/cuda/loop/fused_shapes.cuh"
#include "kernels/math/activations.hpp"

namespace idl::cuda {
namespace {

template <class T>
struct AdjointMap {
  struct Held {
    T g;
    T psi;
  };
  using Norm = T;
  using Combine = Plus;
  static constexpr bool k_transposed = true;

  ConstMatrixView<T> G;
  ConstMatrixView<T> Psi;
  // Where there is a Z, Ψ = φ'(S + Z) is computed here instead of read.
  ConstMatrixView<T> S{};
  ConstMatrixView<T> Z{};
  ActivationKind kind = ActivationKind::identity;
  T alpha = T(0);

  __device__ Held hold(index_t i, index_t j) const {
    const T g = G.data[i + j * G.ld];
    if (Z.data == nullptr) return {g, Psi.data[i + j * Psi.ld]};
    return {g, activation_derivative(kind, S.data[i + j * S.ld] + Z.data[i + j * Z.ld], alpha)};
  }
  __device__ T operator()(T w, const Held& held) const { return held.psi * (w + held.g); }
  __device__ static Norm measure(T x) { return std::abs(x); }
  __device__ static T value(Norm norm) { return norm; }
};

}  // namespace

template <class T>
void run_fused(const AdjointLoop<T>& loop, const FusedRun& run, CUstream_st* stream) {
  const AdjointUpdate<T>& update = loop.update;
  if (update.V.cols == 0) return;
  const FusedSolve<T> solve = {loop.product.A.data, loop.product.A.ld,  update.V,
                               update.step_norms,   update.state_norms, loop.decision,
                               run.max_iterations,  run.from_zero};
  AdjointMap<T> map = {update.G, update.Psi};
  if (loop.derivative) {
    map.S = loop.derivative->S;
    map.Z = loop.derivative->Z;
    map.kind = loop.derivative->activation.kind;
    map.alpha = static_cast<T>(loop.derivative->activation.alpha);
  }
  launch_fused(solve, map, run.multiprocessors, stream);
}

template <class T>
index_t fused_rounds(const AdjointLoop<T>& loop, int multiprocessors) {
  return rounds_of<AdjointMap<T>>(loop.update.V, multiprocessors);
}

template void run_fused(const AdjointLoop<float>&, const FusedRun&, CUstream_st*);
template void run_fused(const AdjointLoop<double>&, const FusedRun&, CUstream_st*);

template index_t fused_rounds(const AdjointLoop<float>&, int);
template index_t fused_rounds(const AdjointLoop<double>&, int);

}  // namespace idl::cuda
