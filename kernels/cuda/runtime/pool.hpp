// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <source_location>
#include <utility>

#include "idl/context.hpp"
#include "kernels/cuda/runtime/handle.hpp"

namespace idl::cuda {

/// Whether a call failed for want of memory. cuBLAS has more than one word for that.
inline bool wants_memory(cudaError_t status) { return status == cudaErrorMemoryAllocation; }
inline bool wants_memory(cublasStatus_t status) {
  return status == CUBLAS_STATUS_ALLOC_FAILED || status == CUBLAS_STATUS_NOT_INITIALIZED;
}

/// Memory of one device in the order of one stream: what is released may be handed out again to
/// later work of the stream while earlier work still uses it. Released memory is kept for the next
/// request; where the device has none left, every pool of this process gives back what it keeps.
/// Where the driver has no memory pools, plain cudaMalloc and cudaFree take their place,
/// which wait for the device.
class MemoryPool {
 public:
  /// `device` must be current.
  MemoryPool(int device, cudaStream_t stream);
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  /// Uninitialised, aligned to 256 bytes; never nullptr. @throws OutOfMemory
  void* allocate(std::size_t bytes);
  /// From any thread.
  void release(void* data, std::size_t bytes) noexcept;

  /// Waits for the stream and gives back what this pool and the others of the device keep without
  /// using it; of others only what their streams have done with.
  void make_room();
  /// Makes a call that takes memory of the device by itself, and where there is none left once more
  /// after make_room(). `name` is for errors. @throws OutOfMemory, DeviceError
  template <class Call>
  void check_with_room(const char* name, const Call& call,
                       std::source_location place = std::source_location::current()) {
    check_allocation(call_with_room(call), device_, 0, name, place.file_name(),
                     static_cast<int>(place.line()));
  }

  MemoryStatistics statistics() const noexcept;

 private:
  template <class Call>
  auto call_with_room(const Call& call) {
    auto status = call();
    if (!wants_memory(status)) return status;
    static_cast<void>(cudaGetLastError());
    make_room();
    return call();
  }
  cudaError_t try_allocate(void** data, std::size_t bytes);

  int device_;
  cudaStream_t stream_;
  DevicePool pool_;  // empty: there are no pools
  std::atomic<std::size_t> allocations_{0};
  std::atomic<std::size_t> bytes_in_use_{0};
  std::atomic<std::size_t> peak_bytes_{0};
};

/// Memory that a pool gets back. The pool must outlive it.
class PoolMemory {
 public:
  PoolMemory() = default;
  PoolMemory(MemoryPool& pool, std::size_t bytes)
      : pool_(&pool), data_(pool.allocate(bytes)), bytes_(bytes) {}
  ~PoolMemory() {
    if (data_ != nullptr) pool_->release(data_, bytes_);
  }
  PoolMemory(PoolMemory&& other) noexcept
      : pool_(other.pool_), data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  PoolMemory& operator=(PoolMemory&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  PoolMemory(const PoolMemory&) = delete;
  PoolMemory& operator=(const PoolMemory&) = delete;

  void* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  MemoryPool* pool_ = nullptr;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace idl::cuda
