// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace idl::cpu {

/// Uninitialised and aligned to 256 bytes; never nullptr. @throws OutOfMemory
void* allocate_aligned(std::size_t bytes);
void release_aligned(void* data) noexcept;

}  // namespace idl::cpu
