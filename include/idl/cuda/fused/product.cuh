// SPDX-License-Identifier: MIT
#pragma once

// The product P x of iteration.cuh, with P = A or Aᵀ in the registers of a block or of a
// cluster's blocks and columns x in shared memory.
#include <cmath>

#include "idl/cuda/device/collectives.cuh"
#include "idl/cuda/device/pack.cuh"
#include "idl/matrix.hpp"

namespace idl::cuda {

/// Where a dense A lies.
template <class T>
struct DenseFactor {
  const T* data;
  index_t ld;
};

/// How threads share P. Every group has Rows rows; n <= min(Blocks·Groups·Rows, Lanes·Depth).
template <int Groups_, int Lanes_, int Rows_, int Depth_, int Pack_, int Blocks_ = 1>
struct FusedShape {
  static constexpr int k_groups = Groups_;
  static constexpr int k_lanes = Lanes_;
  static constexpr int k_rows = Rows_;
  static constexpr int k_depth = Depth_;
  static constexpr int k_pack = Pack_;
  static constexpr int k_blocks = Blocks_;  ///< of a cluster
  static constexpr int k_threads = Groups_ * Lanes_;
  static constexpr int k_warps = k_threads / k_warp;
  static constexpr int k_column = Lanes_ * Depth_;  ///< entries of a column in shared memory
  static constexpr int k_words = k_column / Pack_;
  static constexpr int k_parts = Rows_ <= 2 ? 2 : Rows_ <= 4 ? 4 : 8;  ///< power of 2 >= k_rows
  static constexpr int k_sharers = Lanes_ / k_parts;  ///< threads that end up with the same row
  static constexpr int k_shares = Blocks_ * k_warps;  ///< of a norm
  static constexpr index_t k_most_rows =
      Blocks_ * Groups_ * Rows_ < k_column ? Blocks_ * Groups_ * Rows_ : k_column;
  static_assert(Depth_ % Pack_ == 0 && k_parts <= Lanes_ && Rows_ <= 8);
};

/// Whether a thread's registers suffice for the sums of the next product while the columns decide.
/// By the compiler's own count it takes 30 beside them and P.
template <class T, class Shape, int Columns>
inline constexpr bool k_looks_ahead = static_cast<int>(sizeof(T)) /
                                              4 * Shape::k_rows*(Shape::k_depth + Columns) +
                                          30 <=
                                      65536 / Shape::k_threads;

/// This thread's part of a P of so many rows and columns, zeros beyond them. Loads stand once per
/// entry: with one stride of 1 and all offsets known to the compiler, each is little more than the
/// load itself.
template <bool Transposed, class Shape, class T>
__device__ inline void load_part(const DenseFactor<T>& A, int rows, int cols, int first_row,
                                 int lane, T (&p)[Shape::k_rows][Shape::k_depth]) {
  const index_t along_rows = Transposed ? A.ld : 1;
  const index_t along_cols = Transposed ? 1 : A.ld;
  const int first_col = lane * Shape::k_pack;
  const T* from = A.data + first_row * along_rows + first_col * along_cols;
#pragma unroll
  for (int d = 0; d < Shape::k_depth; ++d) {
    const int col = d / Shape::k_pack * Shape::k_lanes * Shape::k_pack + d % Shape::k_pack;
    const bool inside = first_col + col < cols;
#pragma unroll
    for (int r = 0; r < Shape::k_rows; ++r)
      p[r][d] = inside && first_row + r < rows ? from[r * along_rows + col * along_cols] : T(0);
  }
}

/// sums <- this thread's part of P x for each column, of which x lies from pack `first` on.
template <class Shape, int Columns, class T>
__device__ inline void multiply(const T (&p)[Shape::k_rows][Shape::k_depth],
                                const DynamicShared<Pack<T, Shape::k_pack>>& words, int first,
                                T (&sums)[Columns][Shape::k_parts]) {
#pragma unroll
  for (int c = 0; c < Columns; ++c) {
#pragma unroll
    for (int r = 0; r < Shape::k_parts; ++r) sums[c][r] = T(0);
  }
#pragma unroll
  for (int q = 0; q < Shape::k_depth / Shape::k_pack; ++q) {
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      const Pack<T, Shape::k_pack> word = words[first + c * Shape::k_words + q * Shape::k_lanes];
#pragma unroll
      for (int e = 0; e < Shape::k_pack; ++e) {
#pragma unroll
        for (int r = 0; r < Shape::k_rows; ++r)
          sums[c][r] = std::fma(p[r][q * Shape::k_pack + e], word.x[e], sums[c][r]);
      }
    }
  }
}

/// The same of copy `copy` of the columns, which follow each other copy by copy.
template <class Shape, int Columns, class T>
__device__ inline void multiply_copy(const T (&p)[Shape::k_rows][Shape::k_depth],
                                     const DynamicShared<Pack<T, Shape::k_pack>>& words, int copy,
                                     int lane, T (&sums)[Columns][Shape::k_parts]) {
  multiply<Shape, Columns>(p, words, copy * Columns * Shape::k_words + lane, sums);
}

/// Makes the compiler compute the sums where this stands, though only one branch after it needs
/// them.
template <class Shape, int Columns, class T>
__device__ inline void compute_here([[maybe_unused]] T (&sums)[Columns][Shape::k_parts]) {
#ifdef __CUDACC__
#pragma unroll
  for (int c = 0; c < Columns; ++c) {
#pragma unroll
    for (int r = 0; r < Shape::k_rows; ++r) {
      if constexpr (sizeof(T) == 4) {
        asm volatile("" : "+f"(sums[c][r]));
      } else {
        asm volatile("" : "+d"(sums[c][r]));
      }
    }
  }
#endif
}

/// values[0] <- the sum, over the lanes of the group, of the values that belong to this lane's row.
/// The tree of additions is the same for every row.
template <class Shape, class T>
__device__ inline void gather_row(T (&values)[Shape::k_parts], int lane) {
  int count = Shape::k_parts;
#pragma unroll
  for (int mask = Shape::k_lanes / 2; mask > 0; mask /= 2) {
    if (count > 1) {
      const int half = count / 2;
      const bool upper = (lane & mask) != 0;
#pragma unroll
      for (int h = 0; h < Shape::k_parts / 2; ++h) {
        if (h < half) {
          const T keep = upper ? values[h + half] : values[h];
          const T give = upper ? values[h] : values[h + half];
          values[h] = keep + __shfl_xor_sync(k_full_warp, give, mask);
        }
      }
      count = half;
    } else {
      values[0] += __shfl_xor_sync(k_full_warp, values[0], mask);
    }
  }
}

}  // namespace idl::cuda
