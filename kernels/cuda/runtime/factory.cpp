// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/factory.hpp"

#include <array>
#include <cstdio>
#include <utility>

#include "idl/error.hpp"
#include "kernels/cuda/loop/fused_loop.hpp"
#include "kernels/cuda/loop/loop_control.hpp"
#include "kernels/cuda/runtime/backend.hpp"
#include "kernels/cuda/runtime/check.hpp"
#include "kernels/cuda/runtime/cublas_lt.hpp"
#include "kernels/cuda/runtime/device_guard.hpp"

namespace idl::cuda {
namespace {

void check_code_for(int device) {
  const cudaError_t status = load_publish_active();
  if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorInvalidDeviceFunction ||
      status == cudaErrorUnsupportedPtxVersion) {
    static_cast<void>(cudaGetLastError());
    throw NotSupported("this library holds no code for " + describe_cuda_device(device) + ": " +
                       cudaGetErrorString(status));
  }
  IDL_CUDA_CHECK(status);
}

void check_stream(int device, CUstream_st* stream) {
  // Nothing else may be asked of a stream under capture, which what follows would spoil.
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  if (cudaStreamIsCapturing(stream, &capture) != cudaSuccess) static_cast<void>(cudaGetLastError());
  IDL_CHECK(capture == cudaStreamCaptureStatusNone,
            "the stream is being captured; make the context before");
#if CUDART_VERSION >= 12080
  int owner = 0;
  const cudaError_t status = cudaStreamGetDevice(stream, &owner);
  if (status == cudaErrorCallRequiresNewerDriver) {
    static_cast<void>(cudaGetLastError());
    return;  // the first work on it will tell
  }
  IDL_CUDA_CHECK(status);
  IDL_CHECK(owner == device, "the stream belongs to " + to_string(Device::cuda(owner)) +
                                 ", the context is on " + to_string(Device::cuda(device)));
#else
  static_cast<void>(device);
  static_cast<void>(stream);
#endif
}

}  // namespace

std::shared_ptr<Backend> make_cuda_backend(int device, CUstream_st* borrowed) {
  const DeviceGuard guard(device);
  check_code_for(device);
  if (borrowed != nullptr) check_stream(device, borrowed);
  return std::make_shared<CudaBackend>(device, borrowed);
}

CudaDevices query_cuda_devices() noexcept {
  try {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess) {
      static_cast<void>(cudaGetLastError());
      return {.count = 0,
              .reason = std::string(cudaGetErrorName(status)) + ": " + cudaGetErrorString(status)};
    }
    if (count <= 0) return {.count = 0, .reason = "the CUDA driver finds no device"};
    return {.count = count, .reason = {}};
  } catch (...) {
    return {};
  }
}

Facts current_device_facts(int multiprocessors) {
  int driver = 0;
  int runtime = 0;
  IDL_CUDA_CHECK(cudaDriverGetVersion(&driver));
  IDL_CUDA_CHECK(cudaRuntimeGetVersion(&runtime));
  Facts facts = {{"driver", std::to_string(driver)},
                 {"runtime", std::to_string(runtime)},
                 {"cublaslt", std::to_string(cublas_lt().GetVersion())},
                 {"multiprocessors", std::to_string(multiprocessors)}};
  // The most rows in float of a cluster of 2, 4, 8 and 16 blocks (fused_loop.hpp).
  constexpr std::array<std::pair<int, index_t>, 4> k_clusters = {
      {{2, 288}, {4, 416}, {8, 576}, {16, 896}}};
  for (const auto& [blocks, rows] : k_clusters)
    facts.emplace_back("clusters_of_" + std::to_string(blocks),
                       std::to_string(fused_clusters(rows, multiprocessors)));
  return facts;
}

std::string describe_cuda_device(int device) {
  cudaDeviceProp properties = {};
  IDL_CUDA_CHECK(cudaGetDeviceProperties(&properties, device));
  constexpr double k_gibibyte = 1024.0 * 1024.0 * 1024.0;
  std::array<char, 64> rest{};
  static_cast<void>(std::snprintf(rest.data(), rest.size(), " (sm_%d%d, %.1f GiB)",
                                  properties.major, properties.minor,
                                  static_cast<double>(properties.totalGlobalMem) / k_gibibyte));
  return std::string(properties.name) + rest.data();
}

}  // namespace idl::cuda
