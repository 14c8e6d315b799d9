// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace idl::cuda {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;  ///< dynamic shared memory
  unsigned cluster = 1;          ///< neighbouring blocks (in x) that form a cluster
};

/// A thread for each of `count` elements, in blocks of `threads`.
inline LaunchShape one_thread_each(std::int64_t count, int threads) {
  return {.grid = dim3(static_cast<unsigned>((count + threads - 1) / threads)),
          .block = dim3(static_cast<unsigned>(threads))};
}

}  // namespace idl::cuda
