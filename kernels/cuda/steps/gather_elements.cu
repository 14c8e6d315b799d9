// SPDX-License-Identifier: MIT
// to_k <- from[indices_k].
//
// A thread takes an element. 1 read of the indices and of the elements, these in the order of the
// indices, 1 write. An index that names no element moves nothing: the indices are data on the
// device, which no check on the host can look at.
#include "idl/cuda/launch.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr int k_gather_threads = 256;

template <class T>
__global__ void gather_elements_kernel(VectorView<const T> from, const std::int64_t* indices,
                                       VectorView<T> to) {
  const index_t k = static_cast<index_t>(blockIdx.x) * k_gather_threads + threadIdx.x;
  if (k >= to.size) return;
  const std::int64_t index = indices[k];
  if (index < 0 || index >= from.size) return;
  to.data[k] = from.data[index];
}

}  // namespace

template <class T>
void gather_elements(const GatherElements<T>& g, CUstream_st* stream) {
  if (g.to.size == 0) return;
  launch(gather_elements_kernel<T>, one_thread_each(g.to.size, k_gather_threads), stream, g.from,
         g.indices.data, g.to);
}

template void gather_elements(const GatherElements<float>&, CUstream_st*);
template void gather_elements(const GatherElements<double>&, CUstream_st*);

}  // namespace idl::cuda
