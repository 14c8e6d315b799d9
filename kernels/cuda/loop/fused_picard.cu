// SPDX-License-Identifier: MIT
// X <- φ(AX + Z), iterated in one kernel (fused_loop.cuh); norms are maxima.
#include "kernels/cuda/loop/fused_shapes.cuh"
#include "kernels/math/activations.hpp"

namespace idl::cuda {
namespace {

/// The activation is looked up per entry: that is little beside a row of A, and one kernel serves
/// them all.
template <class T>
struct PicardMap {
  using Held = T;
  using Norm = Magnitude<T>;
  using Combine = Maximum;
  static constexpr bool k_transposed = false;

  ConstMatrixView<T> Z;
  ActivationKind kind;
  T alpha;

  __device__ Held hold(index_t i, index_t j) const { return Z.data[i + j * Z.ld]; }
  __device__ T operator()(T s, Held z) const { return activate(kind, s + z, alpha); }
  __device__ static Norm measure(T x) { return magnitude(x); }
  __device__ static T value(Norm norm) { return from_magnitude<T>(norm); }
};

}  // namespace

template <class T>
void run_fused(const PicardLoop<T>& loop, const FusedRun& run, CUstream_st* stream) {
  const PicardUpdate<T>& update = loop.update;
  if (update.X.cols == 0) return;
  const FusedSolve<T> solve = {loop.product.A.data, loop.product.A.ld,  update.X,
                               update.step_norms,   update.state_norms, loop.decision,
                               run.max_iterations,  run.from_zero};
  const PicardMap<T> map = {update.Z, update.activation.kind,
                            static_cast<T>(update.activation.alpha)};
  launch_fused(solve, map, run.multiprocessors, stream);
}

template <class T>
index_t fused_rounds(const PicardLoop<T>& loop, int multiprocessors) {
  return rounds_of<PicardMap<T>>(loop.update.X, multiprocessors);
}

int fused_clusters(index_t rows, int multiprocessors) {
  int clusters = 0;
  const MatrixView<float> X = {nullptr, rows, 1, rows, Device::cuda()};
  choose_form<PicardMap<float>>(X, multiprocessors, [&](auto form) {
    using Form = decltype(form);
    if constexpr (Form::k_is_cluster)
      clusters = most_clusters<Form::k_kernel>(Form::launch_shape(X.cols));
  });
  return clusters;
}

template void run_fused(const PicardLoop<float>&, const FusedRun&, CUstream_st*);
template void run_fused(const PicardLoop<double>&, const FusedRun&, CUstream_st*);

template index_t fused_rounds(const PicardLoop<float>&, int);
template index_t fused_rounds(const PicardLoop<double>&, int);

}  // namespace idl::cuda
