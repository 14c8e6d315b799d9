// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace idl::simt {

/// SplitMix64.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  /// From 0 to count - 1; count fits into 32 bits.
  std::size_t below(std::size_t count) {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    // Without a division, of which this would make most of the time.
    return static_cast<std::size_t>((((z ^ (z >> 31U)) >> 32U) * count) >> 32U);
  }

 private:
  std::uint64_t state_;
};

}  // namespace idl::simt
