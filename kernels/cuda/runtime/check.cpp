// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/check.hpp"

#include <cstdio>
#include <string>

#include "idl/device.hpp"
#include "idl/error.hpp"
#include "kernels/cuda/runtime/cublas_lt.hpp"
#include "kernels/cuda/runtime/cusparse.hpp"

namespace idl::cuda {
namespace {

std::string explain(cublasStatus_t status) { return cublas_lt().GetStatusString(status); }
std::string explain(cusparseStatus_t status) { return cusparse().GetErrorString(status); }

/// Once the driver is being unloaded libraries fail at whatever they are asked, and have no word
/// for that.
bool process_ends() noexcept {
  int device = 0;
  return cudaGetDevice(&device) == cudaErrorCudartUnloading;
}

void clear_sticky_error() noexcept { static_cast<void>(cudaGetLastError()); }

[[noreturn]] void throw_out_of_memory(int device, std::size_t bytes) {
  clear_sticky_error();
  std::size_t available = 0;
  std::size_t total = 0;
  if (device >= 0 && cudaMemGetInfo(&available, &total) != cudaSuccess) {
    clear_sticky_error();
    available = 0;
  }
  throw OutOfMemory(device >= 0 ? to_string(Device::cuda(device)) : "the host's pinned memory",
                    bytes, available);
}

}  // namespace

void check(cublasStatus_t status, const char* call, const char* file, int line) {
  if (status == CUBLAS_STATUS_SUCCESS) [[likely]]
    return;
  clear_sticky_error();
  throw DeviceError("cuBLASLt", call, explain(status), detail::place(file, line));
}

void check(cusparseStatus_t status, const char* call, const char* file, int line) {
  if (status == CUSPARSE_STATUS_SUCCESS) [[likely]]
    return;
  clear_sticky_error();
  throw DeviceError("cuSPARSE", call, explain(status), detail::place(file, line));
}

void check_allocation(cudaError_t status, int device, std::size_t bytes, const char* call,
                      const char* file, int line) {
  if (status != cudaErrorMemoryAllocation) {
    check(status, call, file, line);
    return;
  }
  throw_out_of_memory(device, bytes);
}

void check_allocation(cublasStatus_t status, int device, std::size_t bytes, const char* call,
                      const char* file, int line) {
  if (status != CUBLAS_STATUS_ALLOC_FAILED) {
    check(status, call, file, line);
    return;
  }
  throw_out_of_memory(device, bytes);
}

void check_allocation(cusparseStatus_t status, int device, std::size_t bytes, const char* call,
                      const char* file, int line) {
  if (!wants_memory(status)) {
    check(status, call, file, line);
    return;
  }
  throw_out_of_memory(device, bytes);
}

void report_failure(cudaError_t status, const char* call) noexcept {
  if (status == cudaSuccess || status == cudaErrorCudartUnloading) return;
  clear_sticky_error();
  std::fprintf(stderr, "idl: error: %s failed: %s: %s\n", call, cudaGetErrorName(status),
               cudaGetErrorString(status));
}

void report_failure(cublasStatus_t status, const char* call) noexcept {
  if (status == CUBLAS_STATUS_SUCCESS || process_ends()) return;
  clear_sticky_error();
  std::fprintf(stderr, "idl: error: %s failed: %s\n", call, cublas_lt().GetStatusString(status));
}

void report_failure(cusparseStatus_t status, const char* call) noexcept {
  if (status == CUSPARSE_STATUS_SUCCESS || process_ends()) return;
  clear_sticky_error();
  std::fprintf(stderr, "idl: error: %s failed: %s\n", call, cusparse().GetErrorString(status));
}

}  // namespace idl::cuda
