// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "idl/context.hpp"
#include "idl/error.hpp"

/// Takes the place of kernels/cuda/runtime/pool.hpp in the emulation: memory of the host, whose
/// bytes are those of a NaN until somebody writes them.
namespace idl::cuda {

inline constexpr std::align_val_t k_pool_alignment{256};

/// When it is counted down to zero, that allocation of any pool fails; nothing is counted below 1.
inline std::atomic<std::int64_t> allocations_to_failure{0};

class MemoryPool {
 public:
  void* allocate(std::size_t bytes) {
    const std::size_t size = bytes == 0 ? 1 : bytes;
    if (allocations_to_failure.load() > 0 && allocations_to_failure.fetch_sub(1) == 1)
      throw OutOfMemory("cuda:0", size, 0);
    void* data = ::operator new(size, k_pool_alignment, std::nothrow);
    if (data == nullptr) throw OutOfMemory("cuda:0", size, 0);
    std::memset(data, 0xff, size);
    statistics_.allocations += 1;
    statistics_.bytes_in_use += bytes;
    if (statistics_.peak_bytes < statistics_.bytes_in_use)
      statistics_.peak_bytes = statistics_.bytes_in_use;
    return data;
  }
  void release(void* data, std::size_t bytes) noexcept {
    statistics_.bytes_in_use -= bytes;
    ::operator delete(data, k_pool_alignment);
  }
  MemoryStatistics statistics() const noexcept { return statistics_; }

 private:
  MemoryStatistics statistics_;
};

struct PoolRelease {
  MemoryPool* pool = nullptr;
  std::size_t bytes = 0;
  void operator()(void* data) const noexcept { pool->release(data, bytes); }
};

class PoolMemory {
 public:
  PoolMemory() = default;
  PoolMemory(MemoryPool& pool, std::size_t bytes)
      : data_(pool.allocate(bytes), PoolRelease{&pool, bytes}) {}
  void* data() const noexcept { return data_.get(); }

 private:
  std::unique_ptr<void, PoolRelease> data_;
};

}  // namespace idl::cuda
