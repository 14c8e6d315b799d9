// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include "idl/matrix.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/magnitude.hpp"

/// Sums over a column in 64/sizeof(T) interleaved partial sums, whatever the vectors of the
/// machine: the order depends on the length alone.
namespace idl::cpu {

/// The upper half of a pack added to the lower one, and so on to a single number.
template <class T, std::size_t W>
__attribute__((always_inline)) inline T sum_of_halves(const Pack<T, W>& pack) {
  if constexpr (W == 2 * sizeof(T)) {
    return pack[0] + pack[1];
  } else if constexpr (W <= 16) {
    return (pack[0] + pack[2]) + (pack[1] + pack[3]);
  } else {
    Pack<T, W / 2> lower, upper;
    std::memcpy(&lower, &pack, W / 2);
    std::memcpy(&upper, reinterpret_cast<const char*>(&pack) + W / 2, W / 2);
    lower += upper;
    return sum_of_halves<T, W / 2>(lower);
  }
}

/// total <- the sum of `Count` partial sums, halves added to halves, as they lie from `first` on
/// with `Apart` between them. partial(k, to) makes sum k.
template <index_t Count, index_t Apart, class Sums, class Partial>
__attribute__((always_inline)) inline void add_halves(index_t first, const Partial& partial,
                                                      Sums& total) {
  if constexpr (Apart == Count) {
    partial(first, total);
  } else {
    Sums other;
    add_halves<Count, 2 * Apart>(first, partial, total);
    add_halves<Count, 2 * Apart>(first + Apart, partial, other);
    total += other;
  }
}

/// `64/W` packs of W bytes that add up entries i, i + L, i + 2L, … in lane i of L = 64/sizeof(T).
template <class T, std::size_t W>
struct LaneSums {
  static constexpr index_t k_packs = 64 / static_cast<index_t>(W);
  static constexpr index_t k_lanes = 64 / static_cast<index_t>(sizeof(T));
  static constexpr index_t k_pack_lanes = static_cast<index_t>(W / sizeof(T));

  Pack<T, W> sums[64 / W] = {};

  /// Halves added to halves. The entries beyond the last full set of lanes are the caller's.
  __attribute__((always_inline)) inline T total() const {
    Pack<T, W> folded[64 / W];
    for (index_t p = 0; p < k_packs; ++p) folded[p] = sums[p];
    for (index_t half = k_packs / 2; half > 0; half /= 2) {
      for (index_t p = 0; p < half; ++p) folded[p] += folded[p + half];
    }
    return sum_of_halves<T, W>(folded[0]);
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

template <class T, std::size_t W>
using Magnitudes = Pack<Magnitude<T>, W>;

/// magnitudes <- |pack|.
template <class T, std::size_t W>
__attribute__((always_inline)) inline void take_magnitudes(const Pack<T, W>& pack,
                                                           Magnitudes<T, W>& magnitudes) {
  std::memcpy(&magnitudes, &pack, W);
  magnitudes &= std::numeric_limits<Magnitude<T>>::max();
}

/// pack <- |pack|.
template <class T, std::size_t W>
__attribute__((always_inline)) inline void make_absolute(Pack<T, W>& pack) {
  Magnitudes<T, W> bits;
  take_magnitudes<T, W>(pack, bits);
  std::memcpy(&pack, &bits, W);
}

/// largest <- max(largest, |x|), as integers.
template <class T, std::size_t W>
__attribute__((always_inline)) inline void join(Magnitudes<T, W>& largest, const Pack<T, W>& x) {
  Magnitudes<T, W> bits;
  take_magnitudes<T, W>(x, bits);
  largest = bits > largest ? bits : largest;
}

}  // namespace idl::cpu
