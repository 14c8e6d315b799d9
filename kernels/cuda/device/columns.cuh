// SPDX-License-Identifier: MIT
#pragma once

#include "idl/cuda/device/collectives.cuh"
#include "idl/cuda/launch.cuh"
#include "idl/matrix.hpp"

/// Kernels that reduce over columns. A team of threads takes one column: a warp up to
/// k_short_column rows, a block of 256 beyond. The choice depends on the number of rows alone, so
/// that a column's sums have the same bits in any batch.
namespace idl::cuda {

inline constexpr index_t k_short_column = 256;

/// `Threads` threads for a column: 32, of which four teams share a block, or 256.
template <int Threads>
struct ColumnTeam {
  static_assert(Threads == k_warp || Threads == 256);
  static constexpr int k_block = Threads == k_warp ? 128 : Threads;
  static constexpr int k_teams = k_block / Threads;
  static constexpr int k_shared = Threads / k_warp;

  /// The team's column; may lie beyond the last one, for whole teams only.
  __device__ static index_t column() {
    return static_cast<index_t>(blockIdx.x) * k_teams + static_cast<int>(threadIdx.x) / Threads;
  }
  __device__ static int rank() { return static_cast<int>(threadIdx.x) % Threads; }

  /// Waits for the whole team.
  __device__ static void synchronize() {
    if constexpr (Threads == k_warp) {
      __syncwarp();
    } else {
      __syncthreads();
    }
  }

  /// Over the team; the result is in every thread. `shared` is used by teams of 256.
  template <class V, class Op>
  __device__ static V reduce(V value, Op op, SharedArray<V, k_shared>& shared) {
    if constexpr (Threads == k_warp) {
      return warp_reduce(value, op);
    } else {
      return block_reduce<Threads>(value, op, shared);
    }
  }

  static LaunchShape shape(index_t cols) {
    return {.grid = dim3(static_cast<unsigned>((cols + k_teams - 1) / k_teams)),
            .block = dim3(static_cast<unsigned>(k_block)),
            .shared_bytes = 0};
  }
};

}  // namespace idl::cuda
