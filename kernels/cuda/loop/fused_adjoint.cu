// SPDX-License-Identifier: MIT
// V <- Ψ∘(AᵀV + G), iterated in one kernel (idl/cuda/fused/loop.cuh).
#include "idl/cuda/fused/shapes.cuh"
#include "kernels/cuda/loop/fused_maps.cuh"

namespace idl::cuda {

template <class T>
void run_fused(const FixedPoint<T>& solve, const AdjointMap<T>& map, int multiprocessors,
               CUstream_st* stream) {
  launch_fused(fused_solve(solve), factor_of(solve.A), fused_map(map, starts_in_kernel(solve)),
               multiprocessors, stream);
}

template <class T>
index_t fused_rounds(const MatrixView<T>& V, const AdjointMap<T>&, int multiprocessors) {
  return rounds_of<T, FusedAdjoint<T>>(V.rows, V.cols, multiprocessors);
}

template void run_fused(const FixedPoint<float>&, const AdjointMap<float>&, int, CUstream_st*);
template void run_fused(const FixedPoint<double>&, const AdjointMap<double>&, int, CUstream_st*);

template index_t fused_rounds(const MatrixView<float>&, const AdjointMap<float>&, int);
template index_t fused_rounds(const MatrixView<double>&, const AdjointMap<double>&, int);

}  // namespace idl::cuda
