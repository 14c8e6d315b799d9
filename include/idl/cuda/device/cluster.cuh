// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <type_traits>

#include "idl/cuda/device/shared.cuh"

/// Thread-block clusters (sm_90 and later): blocks that run at the same time and reach each other's
/// dynamic shared memory. A cluster of one block is an ordinary block on every architecture.
namespace idl::cuda {

/// Whether the code being compiled can have clusters of so many blocks.
template <int Blocks>
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
inline constexpr bool k_has_clusters = Blocks == 1;
#else
inline constexpr bool k_has_clusters = true;
#endif

/// Waits for all threads of the cluster; what they have stored before, all see after it. A peer's
/// shared memory may be used from the first such barrier to the last one: only then the peer is
/// sure to have started, or not to have ended.
template <int Blocks>
__device__ inline void cluster_barrier() {
  if constexpr (Blocks == 1) {
    __syncthreads();
  } else if constexpr (k_has_clusters<Blocks>) {
    asm volatile(
        "barrier.cluster.arrive.release;\n"
        "barrier.cluster.wait.acquire;" ::
            : "memory");
  }
}

/// to[index] <- value in block `rank` of the cluster, which may be the own one.
template <class T>
__device__ inline void store_in_block(const DynamicShared<T>& to, int index, int rank, T value) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  std::conditional_t<sizeof(T) == 4, unsigned, unsigned long long> bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  const auto here = static_cast<unsigned>(__cvta_generic_to_shared(&to[index]));
  unsigned there = 0;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(here), "r"(rank));
  if constexpr (sizeof(T) == 4) {
    asm volatile("st.shared::cluster.b32 [%0], %1;" : : "r"(there), "r"(bits) : "memory");
  } else {
    asm volatile("st.shared::cluster.b64 [%0], %1;" : : "r"(there), "l"(bits) : "memory");
  }
}

}  // namespace idl::cuda
