// SPDX-License-Identifier: MIT
#include "kernels/cpu/runtime/memory.hpp"

#ifdef __linux__
#include <sys/sysinfo.h>
#endif

#include <limits>
#include <new>

#include "idl/error.hpp"
#include "kernels/cpu/runtime/scratch.hpp"

namespace idl::cpu {
namespace {

constexpr std::align_val_t k_alignment{256};

struct MachineMemory {
  std::size_t free = 0;
  std::size_t all = std::numeric_limits<std::size_t>::max();
};

MachineMemory machine_memory() {
#ifdef __linux__
  struct sysinfo info {};
  if (sysinfo(&info) == 0) {
    const auto unit = static_cast<std::size_t>(info.mem_unit);
    return {(info.freeram + info.bufferram) * unit, (info.totalram + info.totalswap) * unit};
  }
#endif
  return {};
}

}  // namespace

void* allocate_aligned(std::size_t bytes) {
  // Linux grants more than the machine has and kills the process when it is used.
  constexpr std::size_t k_surely_there = std::size_t{1} << 30U;
  const bool impossible = bytes > k_surely_there && bytes > machine_memory().all;
  void* data =
      impossible ? nullptr : ::operator new(bytes > 0 ? bytes : 1, k_alignment, std::nothrow);
  if (data == nullptr) throw OutOfMemory("cpu", bytes, machine_memory().free);
  return data;
}

void release_aligned(void* data) noexcept { ::operator delete(data, k_alignment); }

Scratch::~Scratch() { release(); }

void* Scratch::take_bytes(std::size_t bytes) {
  if (bytes > bytes_) {
    void* larger = allocate_aligned(bytes);
    if (account_) account_->add(bytes);
    release();
    data_ = larger;
    bytes_ = bytes;
  }
  return data_;
}

void Scratch::release() {
  if (data_ == nullptr) return;
  release_aligned(data_);
  if (account_) account_->remove(bytes_);
}

}  // namespace idl::cpu
