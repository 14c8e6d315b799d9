// SPDX-License-Identifier: MIT
#include <cstdint>

#include "idl/device.hpp"
#include "idl/error.hpp"
#include "kernels/backend.hpp"
#include "kernels/base/number_range.hpp"
#include "kernels/base/processors.hpp"
#include "kernels/cpu/runtime/backend.hpp"
#ifdef IDL_HAVE_CUDA
#include "kernels/cuda/runtime/factory.hpp"
#endif

namespace idl {
namespace {

CudaDevices find_cuda_devices() {
#ifdef IDL_HAVE_CUDA
  return cuda::query_cuda_devices();
#else
  return {.count = 0, .reason = "this library was built without CUDA"};
#endif
}

void require_existing(Device device) {
  if (device.kind == DeviceKind::cpu) return;
  const CudaDevices& gpus = cuda_devices();
  if (device.index >= 0 && device.index < gpus.count) return;
  const std::string why =
      gpus.count > 0 ? "this machine has " + std::to_string(gpus.count) + " GPU(s)" : gpus.reason;
  throw NotSupported("there is no " + to_string(device) + ": " + why);
}

// CUDA's names for its two default streams, cudaStreamLegacy and cudaStreamPerThread, are the
// addresses 1 and 2.
bool is_default_stream(CUstream_st* stream) {
  const auto address = reinterpret_cast<std::uintptr_t>(stream);
  return address == 1 || address == 2;
}

}  // namespace

const CudaDevices& cuda_devices() {
  static const CudaDevices devices = find_cuda_devices();
  return devices;
}

Device parse_device(std::string_view text) {
  if (text == "auto") return best_device();
  if (text == "cpu") return Device::cpu();
  int index = -1;
  if (text == "cuda") index = 0;
  if (text.substr(0, 5) == "cuda:") index = parse_number<int>(text.substr(5)).value_or(-1);
  IDL_CHECK(index >= 0, "device: '" + std::string(text) + "' is none of auto, cpu, cuda, cuda:K");
  const CudaDevices& gpus = cuda_devices();
  if (index < gpus.count) return Device::cuda(index);
  const std::string why =
      gpus.count > 0 ? "this machine has " + std::to_string(gpus.count) + " GPU(s)" : gpus.reason;
  throw NotSupported("device: there is no " + to_string(Device::cuda(index)) + ": " + why);
}

Device best_device() { return cuda_devices().count > 0 ? Device::cuda(0) : Device::cpu(); }

std::string describe(Device device) {
  require_existing(device);
#ifdef IDL_HAVE_CUDA
  if (device.kind == DeviceKind::cuda) return cuda::describe_cuda_device(device.index);
#endif
  return cpu::describe_cpu(default_threads());
}

std::shared_ptr<Backend> make_backend(Device device, CUstream_st* stream, int threads) {
  require_existing(device);
  IDL_CHECK(threads >= 0 && threads <= k_most_threads, "threads is " + std::to_string(threads) +
                                                           ", expected 0 (by itself) to " +
                                                           std::to_string(k_most_threads));
  IDL_CHECK(!is_default_stream(stream),
            "the default stream cannot be borrowed: make a stream with cudaStreamCreate, or give "
            "none");
#ifdef IDL_HAVE_CUDA
  if (device.kind == DeviceKind::cuda) return cuda::make_cuda_backend(device.index, stream);
#endif
  IDL_CHECK(stream == nullptr, "a CUDA stream was given for the device cpu");
  return cpu::make_cpu_backend(threads);
}

}  // namespace idl
