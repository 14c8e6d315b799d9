// SPDX-License-Identifier: MIT
// Kernels of one thread; a few nanoseconds of work each. They call cudaGraphSetConditional, and a
// driver that does not know that function loads nothing of what this file becomes; so no other
// kernel is here.
#include "kernels/cuda/loop/loop_control.hpp"

#include "idl/cuda/launch.cuh"

namespace idl::cuda {
namespace {

__global__ void begin_loop_kernel(ConditionalLoop loop) {
  *loop.iteration = 0;
  cudaGraphSetConditional(loop.handle,
                          *loop.active > loop.until && loop.max_iterations > 0 ? 1U : 0U);
}

__global__ void end_iteration_kernel(ConditionalLoop loop) {
  const std::int32_t done = *loop.iteration + 1;
  *loop.iteration = done;
  cudaGraphSetConditional(loop.handle,
                          *loop.active > loop.until && done < loop.max_iterations ? 1U : 0U);
}

LaunchShape one_thread() { return {.grid = dim3(1), .block = dim3(1), .shared_bytes = 0}; }

}  // namespace

void begin_loop(const ConditionalLoop& loop, cudaStream_t stream) {
  launch(begin_loop_kernel, one_thread(), stream, loop);
}

void end_iteration(const ConditionalLoop& loop, cudaStream_t stream) {
  launch(end_iteration_kernel, one_thread(), stream, loop);
}

cudaError_t load_conditional_kernels() noexcept {
  cudaFuncAttributes ignored = {};
  cudaError_t status = cudaFuncGetAttributes(&ignored, begin_loop_kernel);
  if (status == cudaSuccess) status = cudaFuncGetAttributes(&ignored, end_iteration_kernel);
  return status;
}

}  // namespace idl::cuda
