// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <utility>

#include "kernels/cuda/runtime/capture_lock.hpp"
#include "kernels/cuda/runtime/check.hpp"
#include "kernels/cuda/runtime/cublas_lt.hpp"

/// CUDA's objects as small move-only values. Each is empty until it is made; destructors never
/// throw.
namespace idl::cuda {

/// Owns an H that Destroy(H) gives back.
template <class H, auto Destroy>
class Handle {
 public:
  Handle() = default;
  explicit Handle(H handle) noexcept : handle_(handle) {}
  ~Handle() { reset(); }
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, H{})) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, H{});
    }
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  H get() const noexcept { return handle_; }
  explicit operator bool() const noexcept { return handle_ != H{}; }
  /// For functions that make one: fill(&handle). Gives back what was held.
  H* put() noexcept {
    reset();
    return &handle_;
  }
  void reset() noexcept {
    if (handle_ != H{})
      report_failure(Destroy(std::exchange(handle_, H{})), "giving back a handle");
  }
  /// Lets go without giving back.
  H release() noexcept { return std::exchange(handle_, H{}); }

 private:
  H handle_{};
};

/// Destroy(handle), which waits for the device.
template <auto Destroy, class H>
auto destroy_alone(H handle) noexcept {
  const DeviceWaitLock lock;
  return Destroy(handle);
}

/// By a function of cuBLASLt, which is loaded, since it has made the handle.
template <auto Function, class H>
cublasStatus_t destroy_by(H handle) noexcept {
  return (cublas_lt().*Function)(handle);
}

using Stream = Handle<cudaStream_t, cudaStreamDestroy>;
using Event = Handle<cudaEvent_t, cudaEventDestroy>;
using Graph = Handle<cudaGraph_t, cudaGraphDestroy>;
using GraphExec = Handle<cudaGraphExec_t, cudaGraphExecDestroy>;
using DevicePool = Handle<cudaMemPool_t, cudaMemPoolDestroy>;
template <class H, auto Function>
using LtHandle = Handle<H, destroy_by<Function, H>>;
using BlasLt =
    Handle<cublasLtHandle_t,
           destroy_alone<destroy_by<&CublasLt::Destroy, cublasLtHandle_t>, cublasLtHandle_t>>;
using MatmulDescriptor = LtHandle<cublasLtMatmulDesc_t, &CublasLt::MatmulDescDestroy>;
using MatmulPreference = LtHandle<cublasLtMatmulPreference_t, &CublasLt::MatmulPreferenceDestroy>;
using MatrixLayout = LtHandle<cublasLtMatrixLayout_t, &CublasLt::MatrixLayoutDestroy>;

/// A stream that neither waits for the default stream nor is waited for.
inline Stream make_stream() {
  Stream stream;
  IDL_CUDA_CHECK(cudaStreamCreateWithFlags(stream.put(), cudaStreamNonBlocking));
  return stream;
}

/// An event for order only.
inline Event make_event() {
  Event event;
  IDL_CUDA_CHECK(cudaEventCreateWithFlags(event.put(), cudaEventDisableTiming));
  return event;
}

/// Page-locked memory of the host, which the device reaches as well.
class PinnedMemory {
 public:
  PinnedMemory() = default;
  /// @throws OutOfMemory
  explicit PinnedMemory(std::size_t bytes) : bytes_(bytes) {
    const DeviceWaitLock lock;
    check_allocation(cudaHostAlloc(data_.put(), bytes, cudaHostAllocPortable | cudaHostAllocMapped),
                     -1, bytes, "cudaHostAlloc", __FILE__, __LINE__);
  }

  void* data() const noexcept { return data_.get(); }
  std::size_t bytes() const noexcept { return bytes_; }
  /// Where the device sees it.
  void* device_data() const {
    void* data = nullptr;
    IDL_CUDA_CHECK(cudaHostGetDevicePointer(&data, data_.get(), 0));
    return data;
  }

 private:
  Handle<void*, destroy_alone<cudaFreeHost, void*>> data_;
  std::size_t bytes_ = 0;
};

}  // namespace idl::cuda
