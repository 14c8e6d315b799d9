// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "idl/detail/cuda_callable.hpp"

/// Counter-based random numbers: Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random
/// numbers: as easy as 1, 2, 3" (SC 2011). The number at (seed, sequence, index) is a pure function
/// of the three, so any element can be made alone and on any device.
namespace idl {

struct PhiloxBlock {
  std::uint32_t x[4];
};

/// Ten rounds on `counter` under the 64-bit key.
IDL_CUDA_CALLABLE inline PhiloxBlock philox4x32_10(PhiloxBlock counter, std::uint64_t key) {
  auto key0 = static_cast<std::uint32_t>(key);
  auto key1 = static_cast<std::uint32_t>(key >> 32U);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * counter.x[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * counter.x[2];
    counter = {{static_cast<std::uint32_t>(product1 >> 32U) ^ counter.x[1] ^ key0,
                static_cast<std::uint32_t>(product1),
                static_cast<std::uint32_t>(product0 >> 32U) ^ counter.x[3] ^ key1,
                static_cast<std::uint32_t>(product0)}};
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return counter;
}

/// The 64 random bits at (seed, sequence, index): counter = (index, sequence), each low word first.
IDL_CUDA_CALLABLE inline std::uint64_t random_bits(std::uint64_t seed, std::uint64_t sequence,
                                                   std::uint64_t index) {
  const PhiloxBlock block = philox4x32_10(
      {{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32U),
        static_cast<std::uint32_t>(sequence), static_cast<std::uint32_t>(sequence >> 32U)}},
      seed);
  return (std::uint64_t{block.x[1]} << 32U) | block.x[0];
}

/// The upper 52 bits as the middle of one of 2⁵² equal cells: inside (0, 1), exact, and symmetric
/// about 1/2.
IDL_CUDA_CALLABLE inline double uniform(std::uint64_t bits) {
  return (static_cast<double>(bits >> 12U) + 0.5) * 0x1p-52;
}

}  // namespace idl
