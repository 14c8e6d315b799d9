// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include "idl/matrix.hpp"

namespace idl::cpu {

/// Copies count < 2·Piece entries, in moves of known lengths: a call of memcpy takes longer. Piece
/// is a power of two.
template <index_t Piece, class T>
__attribute__((always_inline)) inline void copy_few(const T* from, index_t count, T* to) {
  if ((count & Piece) != 0) {
    std::memcpy(to, from, static_cast<std::size_t>(Piece) * sizeof(T));
    from += Piece;
    to += Piece;
  }
  if constexpr (Piece > 1) copy_few<Piece / 2>(from, count, to);
}

}  // namespace idl::cpu
