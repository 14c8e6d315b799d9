// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/backend.hpp"
#include "kernels/primitives.hpp"

/// What the emulated device is like. tests/simt/gpu_like has the header that takes this one's place
/// in the GPU-like emulation.
namespace idl::simt {

/// As few as let small batches show both ways of sharing columns out.
inline constexpr int k_multiprocessors = 4;

/// As few as let small batches show both what is worth it and what is not.
constexpr int most_clusters(unsigned) { return 2; }

/// As little as lets small patterns ask for a cluster.
inline constexpr std::size_t k_shared_bytes = std::size_t{64} << 10U;

/// Every access to shared memory is watched.
inline constexpr bool k_watches_shared_memory = true;

/// What LoopStrategy::automatic means: not the fused kernels, since watching them takes long.
inline constexpr LoopStrategy k_automatic = LoopStrategy::conditional_node;

/// Σ_l a(l) b(l), l = 0, 1, …, inner − 1, in that order, each operation rounded.
template <class T, class A, class B>
T sum_of_products(index_t inner, const A& a, const B& b) {
  T sum = T(0);
  for (index_t l = 0; l < inner; ++l) sum += a(l) * b(l);
  return sum;
}

}  // namespace idl::simt
