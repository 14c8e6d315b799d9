// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cmath>
#include <cstdlib>

#include "kernels/backend.hpp"
#include "kernels/primitives.hpp"

/// Takes the place of tests/simt/device.hpp in the GPU-like emulation.
namespace idl::simt {

/// Those of an H100, which decide what the CUDA backend chooses by itself.
inline constexpr int k_multiprocessors = 132;

/// How many clusters an H100 runs at the same time: fewer than blocks of its multiprocessors make,
/// since those of a cluster lie in one group of up to 16 or 18.
constexpr int most_clusters(unsigned blocks) {
  if (blocks <= 2) return 66;
  if (blocks <= 4) return 32;
  return blocks <= 8 ? 16 : 7;
}

/// The most of an H100's block.
inline constexpr std::size_t k_shared_bytes = std::size_t{227} << 10U;

/// Fast enough to run all that a GPU would run.
inline constexpr bool k_watches_shared_memory = false;

inline constexpr LoopStrategy k_automatic = LoopStrategy::automatic;

/// In which order cuBLASLt sums is not known. IDL_SIMT_PRODUCTS chooses: 0 (where it is not set)
/// one chain, 1 the two halves apart, 2 every fourth product together.
inline int order_of_products() {
  static const int order = [] {
    const char* text = std::getenv("IDL_SIMT_PRODUCTS");
    return text == nullptr ? 0 : std::atoi(text);
  }();
  return order;
}

/// Σ_l a(l) b(l), l = 0, 1, …, inner − 1, by chains of fused multiply-adds.
template <class T, class A, class B>
T sum_of_products(index_t inner, const A& a, const B& b) {
  const int order = order_of_products();
  std::array<T, 4> chains = {};
  for (index_t l = 0; l < inner; ++l) {
    const index_t chain = order == 0 ? 0 : order == 1 ? 2 * l / inner : l % 4;
    T& sum = chains[static_cast<std::size_t>(chain)];
    sum = std::fma(static_cast<T>(a(l)), static_cast<T>(b(l)), sum);
  }
  return (chains[0] + chains[1]) + (chains[2] + chains[3]);
}

}  // namespace idl::simt
