// SPDX-License-Identifier: MIT
// Y <- Xᵀ.
//
// A block takes a tile of 32×32 entries through shared memory, so that a warp reads and writes 32
// neighbours; the padding keeps them in 32 banks. 1 read and 1 write of each entry.
#include "idl/cuda/device/collectives.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr int k_tile = k_warp;
constexpr int k_tile_pitch = k_tile + 1;
constexpr int k_tile_warps = 8;

template <class T>
__global__ void __launch_bounds__(k_tile_warps* k_warp)
    transpose_kernel(ConstMatrixView<T> X, MatrixView<T> Y, index_t row_tiles) {
  __shared__ SharedArray<T, k_tile * k_tile_pitch> tile;
  const int lane = static_cast<int>(threadIdx.x) % k_warp;
  const int warp = static_cast<int>(threadIdx.x) / k_warp;
  const auto block = static_cast<index_t>(blockIdx.x);
  const index_t first_row = block % row_tiles * k_tile;
  const index_t first_col = block / row_tiles * k_tile;
  for (int c = warp; c < k_tile; c += k_tile_warps) {
    const index_t i = first_row + lane;
    const index_t j = first_col + c;
    if (i < X.rows && j < X.cols) tile[c * k_tile_pitch + lane] = X.data[i + j * X.ld];
  }
  __syncthreads();
  for (int r = warp; r < k_tile; r += k_tile_warps) {
    const index_t i = first_row + r;
    const index_t j = first_col + lane;
    if (i < X.rows && j < X.cols) Y.data[j + i * Y.ld] = tile[lane * k_tile_pitch + r];
  }
}

}  // namespace

template <class T>
void transpose(const Transpose<T>& t, CUstream_st* stream) {
  if (t.X.rows == 0 || t.X.cols == 0) return;
  const index_t row_tiles = (t.X.rows + k_tile - 1) / k_tile;
  const index_t col_tiles = (t.X.cols + k_tile - 1) / k_tile;
  const LaunchShape shape = {.grid = dim3(static_cast<unsigned>(row_tiles * col_tiles)),
                             .block = dim3(static_cast<unsigned>(k_tile_warps * k_warp)),
                             .shared_bytes = 0};
  launch(transpose_kernel<T>, shape, stream, t.X, t.Y, row_tiles);
}

template void transpose(const Transpose<float>&, CUstream_st*);
template void transpose(const Transpose<double>&, CUstream_st*);

}  // namespace idl::cuda
