// SPDX-License-Identifier: MIT
#include "kernels/cuda/pool.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "kernels/cuda/device_guard.hpp"

namespace idl::cuda {
namespace {

/// Empty where the device or its driver has no pools.
DevicePool make_pool(int device) {
  int supported = 0;
  IDL_CUDA_CHECK(cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, device));
  if (supported == 0) return {};
  cudaMemPoolProps properties = {};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.handleTypes = cudaMemHandleTypeNone;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = device;
  DevicePool pool;
  const cudaError_t status = cudaMemPoolCreate(pool.put(), &properties);
  if (status == cudaErrorNotSupported) {
    static_cast<void>(cudaGetLastError());
    return {};
  }
  IDL_CUDA_CHECK(status);
  // Keeps everything: by default a synchronisation gives unused memory back to the driver.
  std::uint64_t threshold = std::numeric_limits<std::uint64_t>::max();
  IDL_CUDA_CHECK(cudaMemPoolSetAttribute(pool.get(), cudaMemPoolAttrReleaseThreshold, &threshold));
  return pool;
}

}  // namespace

MemoryPool::MemoryPool(int device, cudaStream_t stream)
    : device_(device), stream_(stream), pool_(make_pool(device)) {}

MemoryPool::~MemoryPool() = default;

cudaError_t MemoryPool::try_allocate(void** data, std::size_t bytes) {
  if (!pool_) {
    const DeviceWaitLock lock;
    return cudaMalloc(data, bytes);
  }
  return cudaMallocFromPoolAsync(data, bytes, pool_.get(), stream_);
}

void* MemoryPool::allocate(std::size_t bytes) {
  const DeviceGuard guard(device_);
  const std::size_t asked = std::max<std::size_t>(bytes, 1);
  void* data = nullptr;
  cudaError_t status = try_allocate(&data, asked);
  if (status == cudaErrorMemoryAllocation && pool_) {
    // What the pool keeps in other sizes may be what is missing.
    static_cast<void>(cudaGetLastError());
    IDL_CUDA_CHECK(cudaStreamSynchronize(stream_));
    IDL_CUDA_CHECK(cudaMemPoolTrimTo(pool_.get(), 0));
    status = try_allocate(&data, asked);
  }
  check_allocation(status, device_, asked, "allocate", __FILE__, __LINE__);
  allocations_.fetch_add(1, std::memory_order_relaxed);
  const std::size_t in_use = bytes_in_use_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::size_t peak = peak_bytes_.load(std::memory_order_relaxed);
  while (peak < in_use && !peak_bytes_.compare_exchange_weak(peak, in_use)) {
  }
  return data;
}

void MemoryPool::release(void* data, std::size_t bytes) noexcept {
  if (data == nullptr) return;
  const DeviceGuard guard(device_, std::nothrow);
  if (pool_) {
    report_failure(cudaFreeAsync(data, stream_), "cudaFreeAsync");
  } else {
    report_failure(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
    const DeviceWaitLock lock;
    report_failure(cudaFree(data), "cudaFree");
  }
  bytes_in_use_.fetch_sub(bytes, std::memory_order_relaxed);
}

MemoryStatistics MemoryPool::statistics() const noexcept {
  return {.allocations = allocations_.load(),
          .bytes_in_use = bytes_in_use_.load(),
          .peak_bytes = peak_bytes_.load()};
}

}  // namespace idl::cuda
