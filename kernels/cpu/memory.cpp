// SPDX-License-Identifier: MIT
#include "kernels/cpu/memory.hpp"

#include <unistd.h>

#include <new>

#include "idl/error.hpp"
#include "kernels/cpu/scratch.hpp"

namespace idl::cpu {
namespace {

constexpr std::align_val_t k_alignment{256};

std::size_t free_memory() {
  const long pages = sysconf(_SC_AVPHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  if (pages < 0 || page < 0) return 0;
  return static_cast<std::size_t>(pages) * static_cast<std::size_t>(page);
}

}  // namespace

void* allocate_aligned(std::size_t bytes) {
  void* data = ::operator new(bytes > 0 ? bytes : 1, k_alignment, std::nothrow);
  if (data == nullptr) throw OutOfMemory("cpu", bytes, free_memory());
  return data;
}

void release_aligned(void* data) noexcept { ::operator delete(data, k_alignment); }

Scratch::~Scratch() {
  if (data_ != nullptr) release_aligned(data_);
}

void* Scratch::take_bytes(std::size_t bytes) {
  if (bytes > bytes_) {
    void* larger = allocate_aligned(bytes);
    if (data_ != nullptr) release_aligned(data_);
    data_ = larger;
    bytes_ = bytes;
    allocations_ += 1;
  }
  return data_;
}

}  // namespace idl::cpu
