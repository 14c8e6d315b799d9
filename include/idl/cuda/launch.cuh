// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <type_traits>

#include "idl/cuda/check.hpp"
#include "idl/cuda/launch_shape.hpp"

namespace idl::cuda {

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

/// Dynamic shared memory that every kernel may have.
inline constexpr std::size_t k_usual_shared_bytes = std::size_t{48} << 10U;

/// The most that a kernel may have on the current device.
inline std::size_t most_shared_bytes() {
  int device = 0;
  int bytes = 0;
  IDL_CUDA_CHECK(cudaGetDevice(&device));
  IDL_CUDA_CHECK(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  return static_cast<std::size_t>(bytes);
}

/// Of the current device.
inline int multiprocessor_count() {
  int device = 0;
  int count = 0;
  IDL_CUDA_CHECK(cudaGetDevice(&device));
  IDL_CUDA_CHECK(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device));
  return count;
}

/// Gives a kernel leave for all dynamic shared memory that there is, where a launch asks for more
/// than it may have. The limit belongs to the kernel, not to a launch: one as large as this launch
/// needs would be taken away by a smaller one of another thread.
inline void allow_shared_bytes(const void* kernel, const LaunchShape& shape) {
  if (shape.shared_bytes <= k_usual_shared_bytes) return;
  cudaFuncAttributes attributes = {};
  IDL_CUDA_CHECK(cudaFuncGetAttributes(&attributes, kernel));
  if (shape.shared_bytes <= static_cast<std::size_t>(attributes.maxDynamicSharedSizeBytes)) return;
  // What the system takes for itself may count as the kernel's own.
  const std::size_t most =
      std::max(shape.shared_bytes, most_shared_bytes() - attributes.sharedSizeBytes);
  IDL_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      static_cast<int>(most)));
}

/// Enqueues `kernel` on `stream`. Arguments are converted to the kernel's parameters and copied.
/// The only way in which kernels are launched, so that they also run in the emulation of
/// tests/simt. @throws DeviceError
template <class... Parameters>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, CUstream_st* stream,
            std::type_identity_t<Parameters>... arguments) {
  void* addresses[sizeof...(Parameters) + 1] = {&arguments...};
  const void* address = reinterpret_cast<const void*>(kernel);
  allow_shared_bytes(address, shape);
  if (shape.cluster == 1) {
    IDL_CUDA_CHECK(
        cudaLaunchKernel(address, shape.grid, shape.block, addresses, shape.shared_bytes, stream));
  } else {
    cudaLaunchAttribute attribute = {};
    const cudaLaunchConfig_t config = launch_config(shape, stream, attribute);
    IDL_CUDA_CHECK(cudaLaunchKernelExC(&config, address, addresses));
  }
}

/// most_clusters(), asked of the current device; nothing where it does not answer.
inline std::optional<int> ask_most_clusters(const void* kernel, const LaunchShape& shape) {
  constexpr unsigned k_portable = 8;
  cudaFuncAttributes attributes = {};
  IDL_CUDA_CHECK(cudaFuncGetAttributes(&attributes, kernel));
  if (attributes.ptxVersion < 90) return 0;  // also where code for sm_80 runs on sm_90
  allow_shared_bytes(kernel, shape);
  cudaError_t status = cudaSuccess;
  if (shape.cluster > k_portable)
    status = cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
  int count = 0;
  if (status == cudaSuccess) {
    cudaLaunchAttribute attribute = {};
    const cudaLaunchConfig_t config = launch_config(shape, nullptr, attribute);
    status = cudaOccupancyMaxActiveClusters(&count, kernel, &config);
  }
  if (status == cudaSuccess) return count;
  static_cast<void>(cudaGetLastError());
  return std::nullopt;
}

/// How many clusters of the kernel, launched so, the current device can run at the same time; 0
/// where it has none, not so large ones, no code for them, or does not answer. Must be called
/// before the first launch of clusters of more than 8 blocks, to which it gives leave.
template <class... Parameters>
int most_clusters(void (*kernel)(Parameters...), const LaunchShape& shape) {
  return ask_most_clusters(reinterpret_cast<const void*>(kernel), shape).value_or(0);
}

/// How many clusters of the kernel, whose launches differ in their number alone, the current device
/// can run at the same time; 0 where it has none, not so large ones, or no code for them. Asked of
/// each device once and remembered, because projections ask at each launch. Must be called before
/// the first launch of clusters of more than 8 blocks, to which it gives leave.
template <auto k_kernel>
int most_clusters(const LaunchShape& shape) {
  constexpr int k_remembered = 32;
  static std::array<std::atomic<int>, k_remembered> answers;  // 0: none yet, else one more
  const auto* kernel = reinterpret_cast<const void*>(k_kernel);
  int device = 0;
  IDL_CUDA_CHECK(cudaGetDevice(&device));
  if (device >= k_remembered) return ask_most_clusters(kernel, shape).value_or(0);
  std::atomic<int>& answer = answers[static_cast<std::size_t>(device)];
  if (answer == 0) {
    const std::optional<int> asked = ask_most_clusters(kernel, shape);
    if (!asked) return 0;  // memory may have been short
    answer = *asked + 1;
  }
  return answer - 1;
}

}  // namespace idl::cuda
