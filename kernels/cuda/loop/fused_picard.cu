// SPDX-License-Identifier: MIT
// X <- φ(AX + Z), iterated in one kernel (fused_loop.cuh).
#include "kernels/cuda/loop/fused_shapes.cuh"

namespace idl::cuda {

template <class T>
void run_fused(const FixedPoint<T>& solve, const PicardMap<T>& map, int multiprocessors,
               CUstream_st* stream) {
  launch_fused(solve, fused_map(map, solve.start), multiprocessors, stream);
}

template <class T>
index_t fused_rounds(const MatrixView<T>& X, const PicardMap<T>&, int multiprocessors) {
  return rounds_of<FusedPicard<T>>(X, multiprocessors);
}

int fused_clusters(index_t rows, int multiprocessors) {
  int clusters = 0;
  const MatrixView<float> X = {nullptr, rows, 1, rows, Device::cuda()};
  choose_form<FusedPicard<float>>(X, multiprocessors, [&](auto form) {
    using Form = decltype(form);
    if constexpr (Form::k_is_cluster)
      clusters = most_clusters<Form::k_kernel>(Form::launch_shape(X.cols));
  });
  return clusters;
}

template void run_fused(const FixedPoint<float>&, const PicardMap<float>&, int, CUstream_st*);
template void run_fused(const FixedPoint<double>&, const PicardMap<double>&, int, CUstream_st*);

template index_t fused_rounds(const MatrixView<float>&, const PicardMap<float>&, int);
template index_t fused_rounds(const MatrixView<double>&, const PicardMap<double>&, int);

}  // namespace idl::cuda
