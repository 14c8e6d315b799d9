// SPDX-License-Identifier: MIT
// A few values that travel as the kernel's parameters.
#include "idl/cuda/launch.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

/// The values once more, as an array that device code may index.
template <class T>
struct Values {
  T x[4];
};

template <class T>
__global__ void store_values_kernel(VectorView<T> to, Values<T> values) {
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    if (k < to.size) to.data[k] = values.x[k];
  }
}

}  // namespace

template <class T>
void store_values(const StoreValues<T>& store, CUstream_st* stream) {
  if (store.to.size == 0) return;
  const Values<T> values = {{store.values[0], store.values[1], store.values[2], store.values[3]}};
  const LaunchShape one_thread = {.grid = dim3(1), .block = dim3(1), .shared_bytes = 0};
  launch(store_values_kernel<T>, one_thread, stream, store.to, values);
}

template void store_values(const StoreValues<float>&, CUstream_st*);
template void store_values(const StoreValues<double>&, CUstream_st*);

}  // namespace idl::cuda
