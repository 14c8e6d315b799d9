// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/pool.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <mutex>
#include <set>

#include "kernels/cuda/runtime/device_guard.hpp"

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

/// Contexts come and go in all threads, and what one keeps another may need.
class LivePools {
 public:
  static LivePools& of_this_process() {
    // Never destroyed: Contexts of static lifetime may give theirs up at the very end.
    static auto& pools = *new LivePools;
    return pools;
  }

  void add(int device, cudaMemPool_t pool) {
    const std::lock_guard lock(mutex_);
    pools_.emplace(device, pool);
  }
  void remove(int device, cudaMemPool_t pool) noexcept {
    const std::lock_guard lock(mutex_);
    pools_.erase({device, pool});
  }
  void trim(int device) {
    const DeviceWaitLock may_wait;
    const std::lock_guard lock(mutex_);
    for (const auto& [owner, pool] : pools_) {
      if (owner == device) IDL_CUDA_CHECK(cudaMemPoolTrimTo(pool, 0));
    }
  }

 private:
  std::mutex mutex_;
  std::set<std::pair<int, cudaMemPool_t>> pools_;
};

}  // namespace

MemoryPool::MemoryPool(int device, cudaStream_t stream)
    : device_(device), stream_(stream), pool_(make_pool(device)) {
  if (pool_) LivePools::of_this_process().add(device, pool_.get());
}

MemoryPool::~MemoryPool() {
  if (pool_) LivePools::of_this_process().remove(device_, pool_.get());
}

void MemoryPool::make_room() {
  IDL_CUDA_CHECK(cudaStreamSynchronize(stream_));
  LivePools::of_this_process().trim(device_);
}

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
  const cudaError_t status = call_with_room([&] { return try_allocate(&data, asked); });
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
