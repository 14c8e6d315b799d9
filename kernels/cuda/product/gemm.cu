// SPDX-License-Identifier: MIT
// C <- alpha op(A) op(B) + beta C in an order of summation that does not depend on the shape: each
// entry is one chain of fused multiply-adds over k = 0, 1, 2, …, begun at zero.
//
// A block of 256 threads makes a tile of Tile×Tile entries, Each×Each of them per thread; pieces of
// op(A) and B of depth Depth go through shared memory. The size of the tile changes nothing in the
// chains, so it is free: 64 where there are tiles enough for the machine, else 16. Reads
// r·k·(m/Tile) + k·m·(r/Tile) elements, writes r·m.
//
// The fast form of Gemm and LowGemm is cuBLASLt's: library_gemm.hpp. B in bfloat16, and B
// transposed, whose columns are read across, are here for shapes that cuBLASLt does not take.
#include <cmath>

#include "idl/cuda/device/shared.cuh"
#include "idl/cuda/launch.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr int k_side = 16;  // threads along each side of a tile
constexpr int k_tile_threads = k_side * k_side;

/// The operands of one product; op(A) is rows×inner. In is T or BFloat16.
template <class In, class T>
struct Product {
  const In* A;
  const In* B;
  T* C;
  index_t A_ld;
  index_t B_down;    ///< from an entry of op(B) to the next in its column
  index_t B_across;  ///< and to that in the next column
  index_t C_ld;
  index_t rows;
  index_t cols;
  index_t inner;
  T alpha;
  T beta;
};

template <class T>
__device__ T element(T x) {
  return x;
}
__device__ inline float element(BFloat16 x) { return to_float(x); }

template <class In, class T, int Tile, int Depth, bool TransposeA>
__device__ void load_tiles(const Product<In, T>& p, index_t first_row, index_t first_col, index_t k,
                           SharedArray<T, Depth*(Tile + 1)>& A_tile,
                           SharedArray<T, Depth*(Tile + 1)>& B_tile) {
  for (int at = static_cast<int>(threadIdx.x); at < Tile * Depth; at += k_tile_threads) {
    // Along the columns of the stored A.
    const int row = TransposeA ? at / Depth : at % Tile;
    const int depth = TransposeA ? at % Depth : at / Tile;
    const index_t i = first_row + row;
    const index_t l = k + depth;
    T a = T(0);
    if (i < p.rows && l < p.inner)
      a = element(TransposeA ? p.A[l + i * p.A_ld] : p.A[i + l * p.A_ld]);
    A_tile[depth * (Tile + 1) + row] = a;
  }
  for (int at = static_cast<int>(threadIdx.x); at < Tile * Depth; at += k_tile_threads) {
    const int col = at / Depth;
    const int depth = at % Depth;
    const index_t j = first_col + col;
    const index_t l = k + depth;
    T b = T(0);
    if (j < p.cols && l < p.inner) b = element(p.B[l * p.B_down + j * p.B_across]);
    B_tile[depth * (Tile + 1) + col] = b;
  }
}

template <class In, class T, int Tile, int Depth, bool TransposeA>
__global__ void gemm_in_fixed_order_kernel(Product<In, T> p, index_t row_tiles) {
  constexpr int k_each = Tile / k_side;
  constexpr int k_stride = Tile + 1;  // keeps the transposed writes off one bank
  __shared__ SharedArray<T, Depth * k_stride> A_tile;
  __shared__ SharedArray<T, Depth * k_stride> B_tile;
  const auto block = static_cast<index_t>(blockIdx.x);
  const index_t first_row = block % row_tiles * Tile;
  const index_t first_col = block / row_tiles * Tile;
  const int row = static_cast<int>(threadIdx.x) % k_side;
  const int col = static_cast<int>(threadIdx.x) / k_side;

  T sums[k_each][k_each] = {};
  for (index_t k = 0; k < p.inner; k += Depth) {
    load_tiles<In, T, Tile, Depth, TransposeA>(p, first_row, first_col, k, A_tile, B_tile);
    __syncthreads();
    for (int depth = 0; depth < Depth; ++depth) {
      T a[k_each];
      T b[k_each];
      for (int e = 0; e < k_each; ++e) {
        a[e] = A_tile[depth * k_stride + row + e * k_side];
        b[e] = B_tile[depth * k_stride + col + e * k_side];
      }
      for (int c = 0; c < k_each; ++c) {
        for (int r = 0; r < k_each; ++r) sums[c][r] = std::fma(a[r], b[c], sums[c][r]);
      }
    }
    __syncthreads();
  }
  for (int c = 0; c < k_each; ++c) {
    for (int r = 0; r < k_each; ++r) {
      const index_t i = first_row + row + r * k_side;
      const index_t j = first_col + col + c * k_side;
      if (i >= p.rows || j >= p.cols) continue;
      T& target = p.C[i + j * p.C_ld];
      const T product = p.alpha * sums[c][r];
      target = p.beta == T(0) ? product : std::fma(p.beta, target, product);
    }
  }
}

template <int Tile, int Depth, bool TransposeA, class In, class T>
void launch_product(const Product<In, T>& p, CUstream_st* stream) {
  const index_t row_tiles = (p.rows + Tile - 1) / Tile;
  const index_t col_tiles = (p.cols + Tile - 1) / Tile;
  const LaunchShape shape = {.grid = dim3(static_cast<unsigned>(row_tiles * col_tiles)),
                             .block = dim3(static_cast<unsigned>(k_tile_threads)),
                             .shared_bytes = 0};
  launch(gemm_in_fixed_order_kernel<In, T, Tile, Depth, TransposeA>, shape, stream, p, row_tiles);
}

template <bool TransposeA, class In, class T>
void choose_tile(const Product<In, T>& p, CUstream_st* stream) {
  constexpr index_t k_enough_tiles = 128;  // about one per multiprocessor of the large chips
  const index_t tiles = ((p.rows + 63) / 64) * ((p.cols + 63) / 64);
  tiles >= k_enough_tiles ? launch_product<64, 16, TransposeA>(p, stream)
                          : launch_product<16, 32, TransposeA>(p, stream);
}

}  // namespace

template <class T>
void gemm_in_fixed_order(const Gemm<T>& g, CUstream_st* stream) {
  if (g.C.rows == 0 || g.C.cols == 0) return;
  const index_t inner = g.transpose_A ? g.A.rows : g.A.cols;
  const index_t B_down = g.transpose_B ? g.B.ld : 1;
  const index_t B_across = g.transpose_B ? 1 : g.B.ld;
  const Product<T, T> product = {g.A.data, g.B.data, g.C.data, g.A.ld, B_down,  B_across,
                                 g.C.ld,   g.C.rows, g.C.cols, inner,  g.alpha, g.beta};
  g.transpose_A ? choose_tile<true>(product, stream) : choose_tile<false>(product, stream);
}

void gemm_in_fixed_order(const LowGemm& g, CUstream_st* stream) {
  if (g.C.rows == 0 || g.C.cols == 0) return;
  const index_t inner = g.transpose_A ? g.A.rows : g.A.cols;
  const Product<BFloat16, float> product = {g.A.data, g.B.data, g.C.data, g.A.ld, 1,    g.B.ld,
                                            g.C.ld,   g.C.rows, g.C.cols, inner,  1.0F, 0.0F};
  g.transpose_A ? choose_tile<true>(product, stream) : choose_tile<false>(product, stream);
}

template void gemm_in_fixed_order(const Gemm<float>&, CUstream_st*);
template void gemm_in_fixed_order(const Gemm<double>&, CUstream_st*);

}  // namespace idl::cuda
