// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

/// The kernels that decide, on the device, whether a loop goes on.
namespace idl::cuda {

/// A loop in a conditional WHILE node. `iteration` is one integer on the device.
struct ConditionalLoop {
  cudaGraphConditionalHandle handle;
  const std::int32_t* active;
  std::int32_t* iteration;
  std::int32_t max_iterations;
  std::int32_t until;
};

/// Upstream of the node: iteration <- 0; the body runs if active[0] > until and max_iterations > 0.
void begin_loop(const ConditionalLoop& loop, cudaStream_t stream);
/// Last in the body: iteration += 1; it runs again if active[0] > until and iteration <
/// max_iterations.
void end_iteration(const ConditionalLoop& loop, cudaStream_t stream);

/// Loads both, which could fail under capture. Drivers without conditional nodes do not load them.
cudaError_t load_conditional_kernels() noexcept;

/// Writes active[0] where the host can see it (page-locked memory, by the device's address).
void publish_active(const std::int32_t* active, std::int32_t* published, cudaStream_t stream);

/// Loads that one, which every driver does. The status tells whether this build holds code for the
/// current device.
cudaError_t load_publish_active() noexcept;

}  // namespace idl::cuda
