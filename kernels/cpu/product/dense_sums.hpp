// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <type_traits>

#include "idl/matrix.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"

/// Sums of some rows of a dense matrix, as multiply_rows() defines them, in registers. Only for
/// sources that are compiled with contraction: a product that is added is one fused multiply-add.
namespace idl::cpu {

/// Rows and packs of samples of a tile at most: their sums, two packs of samples and a factor are
/// less than 32 registers with AVX-512, than 16 otherwise.
template <std::size_t W>
inline constexpr std::size_t k_tile_rows = W == 64 ? 12 : 4;
inline constexpr std::size_t k_tile_packs = 2;

template <class T, std::size_t W, std::size_t Rows, std::size_t Packs>
using TileSums = Pack<T, W>[Rows][Packs];

/// sums(r, :) += Σ_k a[r + k·ld] · x[k·stride + :], for k < `count` in ascending order.
template <class T, std::size_t W, std::size_t Rows, std::size_t Packs>
__attribute__((always_inline)) inline void add_columns(const T* a, index_t ld, const T* x,
                                                       index_t stride, index_t count,
                                                       TileSums<T, W, Rows, Packs>& sums) {
  constexpr std::size_t k_lanes = W / sizeof(T);
  for (index_t k = 0; k < count; ++k, a += ld, x += stride) {
    Pack<T, W> of_samples[Packs];
    for (std::size_t p = 0; p < Packs; ++p) load<T, W>(of_samples[p], x + p * k_lanes);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < Rows; ++r)
      for (std::size_t p = 0; p < Packs; ++p) sums[r][p] += of_samples[p] * a[r];
  }
}

/// act(number, first) for tiles that make up rows [first, end), each with that number of rows as a
/// constant: `Rows` at a time, then the rest together.
template <std::size_t Rows, class Act>
__attribute__((always_inline)) inline void for_tiles(index_t first, index_t end, const Act& act) {
  constexpr auto k_rows = static_cast<index_t>(Rows);
  for (; first + k_rows <= end; first += k_rows)
    act(std::integral_constant<std::size_t, Rows>{}, first);
  if constexpr (Rows > 1) {
    if (first < end) for_tiles<Rows - 1>(first, end, act);
  }
}

/// act(number, lane) for packs that make up `lanes` lanes, k_tile_packs at a time, then the rest.
template <class T, std::size_t W, class Act>
__attribute__((always_inline)) inline void for_packs(index_t lanes, const Act& act) {
  constexpr auto k_step = static_cast<index_t>(k_tile_packs * W / sizeof(T));
  index_t lane = 0;
  for (; lane + k_step <= lanes; lane += k_step)
    act(std::integral_constant<std::size_t, k_tile_packs>{}, lane);
  // Lanes come in whole cache lines.
  if constexpr (W == 64) {
    if (lane < lanes) act(std::integral_constant<std::size_t, 1>{}, lane);
  }
}

}  // namespace idl::cpu
