// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include <string>
#include <string_view>

#include "idl/error.hpp"

namespace idl::cuda {
namespace detail {

/// "idl/cuda/launch.cuh:12", wherever the file lies.
inline std::string place(std::string_view file, int line) {
  const std::size_t folder = file.rfind("/cuda/");
  if (folder != std::string_view::npos) file.remove_prefix(file.rfind('/', folder - 1) + 1);
  return std::string(file) + ":" + std::to_string(line);
}

}  // namespace detail

/// Nothing for a success. Otherwise clears CUDA's sticky error, so that the next call does not
/// report this failure again. @throws DeviceError (library, call, the code's name and text, place)
inline void check(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) [[likely]]
    return;
  static_cast<void>(cudaGetLastError());
  throw DeviceError("CUDA", call,
                    std::string(cudaGetErrorName(status)) + ": " + cudaGetErrorString(status),
                    detail::place(file, line));
}

}  // namespace idl::cuda

/// Evaluates a call that returns a status once and throws idl::DeviceError unless it succeeded.
#define IDL_CUDA_CHECK(call) ::idl::cuda::check((call), #call, __FILE__, __LINE__)
