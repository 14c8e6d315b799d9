// SPDX-License-Identifier: MIT
#include "kernels/cuda/device_guard.hpp"

#include <cudaTypedefs.h>
#include <cuda_runtime_api.h>

#include "kernels/cuda/check.hpp"

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

#if CUDART_VERSION >= 12050
/// Asked of the driver without linking it. nullptr where it has no answer.
PFN_cuDevicePrimaryCtxGetState_v7000 find_context_state() noexcept {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
  constexpr unsigned k_version = 7000;
  const cudaError_t status = cudaGetDriverEntryPointByVersion(
      "cuDevicePrimaryCtxGetState", &function, k_version, cudaEnableDefault, &found);
  if (status != cudaSuccess) static_cast<void>(cudaGetLastError());
  if (status != cudaSuccess || found != cudaDriverEntryPointSuccess) return nullptr;
  return reinterpret_cast<PFN_cuDevicePrimaryCtxGetState_v7000>(function);
}

/// Whether this process has a context on `device`; cudaSetDevice would make one, which takes some
/// hundred MiB of its memory.
bool may_have_context(int device) noexcept {
  static const auto context_state = find_context_state();
  unsigned flags = 0;
  int active = 0;
  if (context_state == nullptr || context_state(device, &flags, &active) != CUDA_SUCCESS)
    return true;
  return active != 0;
}
#else
bool may_have_context(int) noexcept { return true; }
#endif

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
  if (changed_ && may_have_context(previous_)) report_failure(bind(previous_), "cudaSetDevice");
}

}  // namespace idl::cuda
