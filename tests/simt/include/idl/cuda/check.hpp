// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime.h>

/// Takes the place of idl/cuda/check.hpp in the emulation, whose calls have few ways to fail.
namespace idl::cuda {

void check(cudaError_t status, const char* call, const char* file, int line);

}  // namespace idl::cuda

#define IDL_CUDA_CHECK(call) ::idl::cuda::check((call), #call, __FILE__, __LINE__)
