// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <type_traits>

#include "kernels/cuda/check.hpp"

namespace idl::cuda {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;  ///< dynamic shared memory
  unsigned cluster = 1;          ///< neighbouring blocks (in x) that form a cluster
};

/// What the runtime takes for a launch. `attribute` must live as long as the answer.
inline cudaLaunchConfig_t launch_config(const LaunchShape& shape, CUstream_st* stream,
                                        cudaLaunchAttribute& attribute) {
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {shape.cluster, 1, 1};
  cudaLaunchConfig_t config = {};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  return config;
}

/// Enqueues `kernel` on `stream`. Arguments are converted to the kernel's parameters and copied.
/// The only way in which kernels are launched, so that they also run in the emulation of
/// tests/simt. @throws DeviceError
template <class... Parameters>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, CUstream_st* stream,
            std::type_identity_t<Parameters>... arguments) {
  void* addresses[sizeof...(Parameters) + 1] = {&arguments...};
  const void* address = reinterpret_cast<const void*>(kernel);
  if (shape.cluster == 1) {
    IDL_CUDA_CHECK(
        cudaLaunchKernel(address, shape.grid, shape.block, addresses, shape.shared_bytes, stream));
  } else {
    cudaLaunchAttribute attribute = {};
    const cudaLaunchConfig_t config = launch_config(shape, stream, attribute);
    IDL_CUDA_CHECK(cudaLaunchKernelExC(&config, address, addresses));
  }
}

/// How many clusters of such a launch the current device can run at the same time; 0 where it has
/// none, not so large ones, or no code for them. Must be asked once per device before the first
/// launch of clusters of more than 8 blocks, to which it gives leave.
template <class... Parameters>
int most_clusters(void (*kernel)(Parameters...), const LaunchShape& shape) {
  constexpr unsigned k_portable = 8;
  const void* address = reinterpret_cast<const void*>(kernel);
  cudaFuncAttributes attributes = {};
  IDL_CUDA_CHECK(cudaFuncGetAttributes(&attributes, address));
  if (attributes.ptxVersion < 90) return 0;  // also where code for sm_80 runs on sm_90
  cudaError_t status = cudaSuccess;
  if (shape.cluster > k_portable)
    status = cudaFuncSetAttribute(address, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
  int count = 0;
  if (status == cudaSuccess) {
    cudaLaunchAttribute attribute = {};
    const cudaLaunchConfig_t config = launch_config(shape, nullptr, attribute);
    status = cudaOccupancyMaxActiveClusters(&count, address, &config);
  }
  if (status == cudaSuccess) return count;
  static_cast<void>(cudaGetLastError());
  return 0;
}

}  // namespace idl::cuda
