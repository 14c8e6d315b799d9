// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime.h>

#include <type_traits>

#include "tests/simt/device.hpp"

/// Takes the place of include/idl/cuda/launch_kernel.cuh in the emulation.
namespace idl::cuda {

template <class... Parameters>
void launch_kernel(void (*kernel)(Parameters...), unsigned blocks, unsigned threads, CUstream_st*,
                   std::type_identity_t<Parameters>... arguments) {
  simt::run_grid(dim3(blocks), dim3(threads), 0, 1, [&] { kernel(arguments...); });
}

}  // namespace idl::cuda
