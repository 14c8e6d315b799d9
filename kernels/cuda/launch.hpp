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
};

/// Enqueues `kernel` on `stream`. Arguments are converted to the kernel's parameters and copied.
/// The only way in which kernels are launched, so that they also run in the emulation of
/// tests/simt. @throws DeviceError
template <class... Parameters>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, CUstream_st* stream,
            std::type_identity_t<Parameters>... arguments) {
  void* addresses[sizeof...(Parameters) + 1] = {&arguments...};
  IDL_CUDA_CHECK(cudaLaunchKernel(reinterpret_cast<const void*>(kernel), shape.grid, shape.block,
                                  addresses, shape.shared_bytes, stream));
}

}  // namespace idl::cuda
