// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include "idl/matrix.hpp"
#include "kernels/cpu/magnitude.hpp"
#include "kernels/cpu/vector_width.hpp"

/// Sums over a column in 64/sizeof(T) interleaved partial sums, whatever the vectors of the
/// machine: the order depends on the length alone.
namespace idl::cpu {

/// `64/W` packs of W bytes that add up entries i, i + L, i + 2L, … in lane i of L = 64/sizeof(T).
template <class T, std::size_t W>
struct LaneSums {
  static constexpr index_t k_packs = 64 / static_cast<index_t>(W);
  static constexpr index_t k_lanes = 64 / static_cast<index_t>(sizeof(T));
  static constexpr index_t k_pack_lanes = static_cast<index_t>(W / sizeof(T));

  Pack<T, W> sums[64 / W] = {};

  /// Lanes in order, then the entries beyond the last full set of lanes by the caller.
  __attribute__((always_inline)) inline T total() const {
    T sum = T(0);
    for (index_t p = 0; p < k_packs; ++p) {
      for (index_t l = 0; l < k_pack_lanes; ++l) sum += sums[p][l];
    }
    return sum;
  }
};

template <class T, std::size_t W>
__attribute__((always_inline)) inline void load(Pack<T, W>& pack, const T* from) {
  std::memcpy(&pack, from, W);
}

template <class T, std::size_t W>
__attribute__((always_inline)) inline void store(const Pack<T, W>& pack, T* to) {
  std::memcpy(to, &pack, W);
}

/// pack <- |pack|.
template <class T, std::size_t W>
__attribute__((always_inline)) inline void make_absolute(Pack<T, W>& pack) {
  Pack<Magnitude<T>, W> bits;
  std::memcpy(&bits, &pack, W);
  bits &= std::numeric_limits<Magnitude<T>>::max();
  std::memcpy(&pack, &bits, W);
}

}  // namespace idl::cpu
