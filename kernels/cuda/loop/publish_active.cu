// SPDX-License-Identifier: MIT
// One thread, which copies one integer to the host's memory.
#include "idl/cuda/launch.cuh"
#include "kernels/cuda/loop/loop_control.hpp"

namespace idl::cuda {
namespace {

__global__ void publish_active_kernel(const std::int32_t* active,
                                      volatile std::int32_t* published) {
  *published = *active;
  __threadfence_system();
}

}  // namespace

void publish_active(const std::int32_t* active, std::int32_t* published, cudaStream_t stream) {
  const LaunchShape one_thread = {.grid = dim3(1), .block = dim3(1), .shared_bytes = 0};
  launch(publish_active_kernel, one_thread, stream, active, published);
}

cudaError_t load_publish_active() noexcept {
  cudaFuncAttributes ignored = {};
  return cudaFuncGetAttributes(&ignored, publish_active_kernel);
}

}  // namespace idl::cuda
