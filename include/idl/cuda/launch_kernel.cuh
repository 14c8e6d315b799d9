// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime.h>

#include <string>
#include <type_traits>

#include "idl/error.hpp"

namespace idl::cuda {

/// Enqueues `kernel` on `stream`, in one dimension. Arguments are converted to the kernel's
/// parameters and copied.
/// @throws DeviceError
template <class... Parameters>
void launch_kernel(void (*kernel)(Parameters...), unsigned blocks, unsigned threads,
                   CUstream_st* stream, std::type_identity_t<Parameters>... arguments) {
  void* addresses[] = {&arguments...};
  const cudaError_t status = cudaLaunchKernel(reinterpret_cast<const void*>(kernel), dim3(blocks),
                                              dim3(threads), addresses, 0, stream);
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();  // so that the next call does not report this failure again
  throw DeviceError("CUDA", "cudaLaunchKernel",
                    std::string(cudaGetErrorName(status)) + ": " + cudaGetErrorString(status),
                    std::string(__FILE__) + ":" + std::to_string(__LINE__));
}

}  // namespace idl::cuda
