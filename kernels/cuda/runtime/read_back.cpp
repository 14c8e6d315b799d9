// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/read_back.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "kernels/cuda/runtime/device_guard.hpp"

namespace idl::cuda {
namespace {

constexpr std::size_t k_least_bytes = 4096;
constexpr std::size_t k_most_free = 16;

}  // namespace

/// The buffer may go back before its copy has run: the next copy into it comes after this one on
/// the same stream.
class ReadBackBuffers::Ticket final : public ReadBack {
 public:
  Ticket(std::shared_ptr<ReadBackBuffers> owner, Buffer buffer, int device)
      : owner_(std::move(owner)), buffer_(std::move(buffer)), device_(device) {}
  ~Ticket() override { owner_->give_back(std::move(buffer_)); }

  const void* wait() override {
    const DeviceGuard guard(device_);
    IDL_CUDA_CHECK(cudaEventSynchronize(buffer_.copied.get()));
    return buffer_.memory.data();
  }

 private:
  std::shared_ptr<ReadBackBuffers> owner_;
  Buffer buffer_;
  int device_;
};

std::unique_ptr<ReadBack> ReadBackBuffers::start(const void* source, std::size_t bytes, int device,
                                                 cudaStream_t stream) {
  Buffer buffer = take(bytes);
  if (bytes > 0) {
    IDL_CUDA_CHECK(
        cudaMemcpyAsync(buffer.memory.data(), source, bytes, cudaMemcpyDeviceToHost, stream));
  }
  IDL_CUDA_CHECK(cudaEventRecord(buffer.copied.get(), stream));
  return std::make_unique<Ticket>(shared_from_this(), std::move(buffer), device);
}

ReadBackBuffers::Buffer ReadBackBuffers::take(std::size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    const auto fits = std::find_if(free_.begin(), free_.end(), [bytes](const Buffer& buffer) {
      return buffer.memory.bytes() >= bytes;
    });
    if (fits != free_.end()) {
      Buffer buffer = std::move(*fits);
      free_.erase(fits);
      return buffer;
    }
  }
  return {PinnedMemory(std::bit_ceil(std::max(bytes, k_least_bytes))), make_event()};
}

void ReadBackBuffers::give_back(Buffer buffer) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (free_.size() < k_most_free) {
      free_.push_back(std::move(buffer));
      return;
    }
  } catch (...) {
    // It is freed instead.
  }
  report_failure(cudaEventSynchronize(buffer.copied.get()), "cudaEventSynchronize");
}

}  // namespace idl::cuda
