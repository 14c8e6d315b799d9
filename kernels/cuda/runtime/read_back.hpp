// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "kernels/backend.hpp"
#include "kernels/cuda/runtime/handle.hpp"

namespace idl::cuda {

/// Page-locked buffers for small copies to the host, each with its event; used again and again.
class ReadBackBuffers : public std::enable_shared_from_this<ReadBackBuffers> {
 public:
  /// Starts a copy on `stream`; `device` is its device.
  std::unique_ptr<ReadBack> start(const void* source, std::size_t bytes, int device,
                                  cudaStream_t stream);

 private:
  struct Buffer {
    PinnedMemory memory;
    Event copied;
  };
  class Ticket;

  Buffer take(std::size_t bytes);
  void give_back(Buffer buffer) noexcept;

  std::mutex mutex_;
  std::vector<Buffer> free_;
};

}  // namespace idl::cuda
