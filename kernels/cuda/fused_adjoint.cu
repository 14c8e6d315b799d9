// SPDX-License-Identifier: MIT
// V <- Ψ∘(AᵀV + G), iterated in one kernel (fused_loop.cuh); norms are sums.
#include "kernels/cuda/fused_shapes.cuh"

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

  ConstMatrixView<T> G;
  ConstMatrixView<T> Psi;

  __device__ Held hold(index_t i, index_t j) const {
    return {G.data[i + j * G.ld], Psi.data[i + j * Psi.ld]};
  }
  __device__ T operator()(T w, const Held& held) const { return held.psi * (w + held.g); }
  __device__ static Norm measure(T x) { return std::abs(x); }
  __device__ static T value(Norm norm) { return norm; }
};

}  // namespace

template <class T>
void run_fused(const AdjointLoop<T>& loop, std::int32_t max_iterations, int multiprocessors,
               CUstream_st* stream) {
  const AdjointUpdate<T>& update = loop.update;
  if (update.V.cols == 0) return;
  const FusedSolve<T> solve = {
      loop.product.A.data, loop.product.A.ld, 1, update.V, update.step_norms, update.state_norms,
      loop.decision,       max_iterations};
  launch_fused(solve, AdjointMap<T>{update.G, update.Psi}, multiprocessors, stream);
}

template <class T>
index_t fused_rounds(const AdjointLoop<T>& loop, int multiprocessors) {
  return rounds_of<AdjointMap<T>>(loop.update.V, multiprocessors);
}

template void run_fused(const AdjointLoop<float>&, std::int32_t, int, CUstream_st*);
template void run_fused(const AdjointLoop<double>&, std::int32_t, int, CUstream_st*);

template index_t fused_rounds(const AdjointLoop<float>&, int);
template index_t fused_rounds(const AdjointLoop<double>&, int);

}  // namespace idl::cuda
