// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/device_guard.hpp"

#include <cuda_runtime_api.h>

#include "kernels/cuda/runtime/check.hpp"

namespace idl::cuda {
namespace {

// A fresh thread has a current device, but no context: the runtime binds one at the first call that
// needs it. cuBLASLt calls the driver, which does not, and may come first. So each thread sets its
// device once, even to what it is.
thread_local int bound_device = -1;

cudaError_t bind(int device) {
  const cudaError_t status = cudaSetDevice(device);
  if (status == cudaSuccess) bound_device = device;
  return status;
}

}  // namespace

DeviceGuard::DeviceGuard(int device) {
  IDL_CUDA_CHECK(cudaGetDevice(&previous_));
  if (previous_ == device && bound_device == device) return;
  IDL_CUDA_CHECK(bind(device));
  changed_ = previous_ != device;
}

DeviceGuard::DeviceGuard(int device, std::nothrow_t) noexcept {
  report_failure(cudaGetDevice(&previous_), "cudaGetDevice");
  if (previous_ == device && bound_device == device) return;
  report_failure(bind(device), "cudaSetDevice");
  changed_ = previous_ != device;
}

DeviceGuard::~DeviceGuard() {
  if (changed_) report_failure(bind(previous_), "cudaSetDevice");
}

}  // namespace idl::cuda
