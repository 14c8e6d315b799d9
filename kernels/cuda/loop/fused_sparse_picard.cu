// SPDX-License-Identifier: MIT
// X <- φ(AX + Z) with a sparse A, iterated in one kernel (fused_sparse.cuh).
#include "kernels/cuda/loop/fused_sparse.cuh"

namespace idl::cuda {

template <class T>
void run_fused_sparse(const FixedPoint<T>& solve, const PicardMap<T>& map, const SparseForm& form,
                      const SparseFactor<T>& P, CUstream_st* stream) {
  launch_fused_sparse(solve, fused_map(map, starts_in_kernel(solve)), form, P, stream);
}

template <class T>
int sparse_clusters(const PicardMap<T>&, const SparseForm& form, const SparseFactor<T>& P) {
  return most_clusters(sparse_kernel<FusedPicard<T>>(form, P), sparse_launch_shape(form, P, 1));
}

template void run_fused_sparse(const FixedPoint<float>&, const PicardMap<float>&, const SparseForm&,
                               const SparseFactor<float>&, CUstream_st*);
template void run_fused_sparse(const FixedPoint<double>&, const PicardMap<double>&,
                               const SparseForm&, const SparseFactor<double>&, CUstream_st*);

template int sparse_clusters(const PicardMap<float>&, const SparseForm&,
                             const SparseFactor<float>&);
template int sparse_clusters(const PicardMap<double>&, const SparseForm&,
                             const SparseFactor<double>&);

}  // namespace idl::cuda
