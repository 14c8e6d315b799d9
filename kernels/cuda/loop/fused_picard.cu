// SPDX-License-Identifier: MIT
// X <- φ(AX + Z), iterated in one kernel (idl/cuda/fused/loop.cuh).
#include "idl/cuda/fused/shapes.cuh"
#include "kernels/cuda/loop/fused_maps.cuh"
#include "kernels/custom_activation.hpp"

namespace idl::cuda {
namespace {

/// The one that was compiled with an own activation.
template <class T>
const FusedSolveKernel<T>& kernel_of(const Activation& activation) {
  return kernels_of<T>(custom_of(activation)).solve;
}

}  // namespace

template <class T>
void run_fused(const FixedPoint<T>& solve, const PicardMap<T>& map, int multiprocessors,
               CUstream_st* stream) {
  if (map.activation.kind == ActivationKind::custom) {
    kernel_of<T>(map.activation)
        .launch(map.activation.alpha, fused_solve(solve), entries_of(solve.A).value(), map.Z,
                multiprocessors, stream);
    return;
  }
  launch_fused(fused_solve(solve), factor_of(solve.A), fused_map(map, starts_in_kernel(solve)),
               multiprocessors, stream);
}

template <class T>
index_t fused_rounds(const MatrixView<T>& X, const PicardMap<T>& map, int multiprocessors) {
  if (map.activation.kind == ActivationKind::custom) {
    const auto rounds = kernel_of<T>(map.activation).rounds;
    return rounds == nullptr ? 0 : rounds(X.rows, X.cols, multiprocessors);
  }
  return rounds_of<T, FusedPicard<T>>(X.rows, X.cols, multiprocessors);
}

int fused_clusters(index_t rows, int multiprocessors) {
  int clusters = 0;
  choose_form<float, FusedPicard<float>>(rows, 1, multiprocessors, [&](auto form) {
    using Form = decltype(form);
    if constexpr (Form::k_is_cluster)
      clusters = most_clusters<Form::k_kernel>(Form::launch_shape(1));
  });
  return clusters;
}

template void run_fused(const FixedPoint<float>&, const PicardMap<float>&, int, CUstream_st*);
template void run_fused(const FixedPoint<double>&, const PicardMap<double>&, int, CUstream_st*);

template index_t fused_rounds(const MatrixView<float>&, const PicardMap<float>&, int);
template index_t fused_rounds(const MatrixView<double>&, const PicardMap<double>&, int);

}  // namespace idl::cuda
