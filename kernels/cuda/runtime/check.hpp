// SPDX-License-Identifier: MIT
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <cstddef>

#include "idl/cuda/check.hpp"

/// Every status of CUDA's libraries goes through here.
namespace idl::cuda {

/// As that of CUDA's statuses.
void check(cublasStatus_t status, const char* call, const char* file, int line);

/// As check(), for allocations: cudaErrorMemoryAllocation becomes OutOfMemory with the bytes asked
/// for (0: not known) and the bytes that are free on `device` (0 for memory of the host,
/// device < 0), and so does CUBLAS_STATUS_ALLOC_FAILED.
void check_allocation(cudaError_t status, int device, std::size_t bytes, const char* call,
                      const char* file, int line);
void check_allocation(cublasStatus_t status, int device, std::size_t bytes, const char* call,
                      const char* file, int line);

/// For destructors: clears the sticky error and says on standard error what failed, except that the
/// driver is being unloaded at the end of the process, which is no failure.
void report_failure(cudaError_t status, const char* call) noexcept;
void report_failure(cublasStatus_t status, const char* call) noexcept;

}  // namespace idl::cuda
