// SPDX-License-Identifier: MIT
// X_i <- f_i(S_i + Σ_j op(A)_ij X_j) row after row, and the norms of each column.
//
// A warp takes a column, lane l its rows l and l + 32, and a block of four warps keeps op(A) in
// shared memory. Each row is broadcast as soon as it is known, and every lane adds it to its own
// rows. Per column: k broadcasts and applications of f, one after the other; 3 or 4 reads and 1
// write of k elements. op(A) is read once for four columns, from the cache.
#include "idl/detail/column_status.hpp"
#include "kernels/cuda/device/substituted_rows.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr int k_rows = static_cast<int>(k_most_substituted_rows);
constexpr int k_parts = k_rows / k_warp;      ///< rows of a lane
constexpr int k_triangle_pitch = k_rows + 1;  ///< entries of a row of A go to different banks
constexpr int k_triangle_warps = 4;
constexpr int k_triangle_threads = k_triangle_warps * k_warp;

/// triangle[k + i·k_triangle_pitch] <- what row i adds to row k, 0 where k does not wait for i.
template <class T, class Shared>
__device__ void gather_triangle(const ConstMatrixView<T>& A, bool transpose, Shared& triangle) {
  const auto n = static_cast<int>(A.rows);
  for (int e = static_cast<int>(threadIdx.x); e < k_rows * k_rows; e += k_triangle_threads) {
    const int row = e % k_rows;  // of A, so that neighbours read neighbours
    const int col = e / k_rows;
    const T value = row < col && col < n ? A.data[row + col * A.ld] : T(0);
    triangle[transpose ? col + row * k_triangle_pitch : row + col * k_triangle_pitch] = value;
  }
}

template <class T>
__device__ void load_rows(const ConstMatrixView<T>& X, index_t j, int lane, T (&rows)[k_parts]) {
  for (int part = 0; part < k_parts; ++part) {
    const int i = lane + part * k_warp;
    rows[part] = i < X.rows ? X.data[i + j * X.ld] : T(0);
  }
}

template <class T, class Rows>
__global__ void substitute_kernel(ConstMatrixView<T> A, bool transpose, SubstitutedColumns<T> u,
                                  Rows f) {
  __shared__ SharedArray<T, k_rows * k_triangle_pitch> triangle;
  gather_triangle(A, transpose, triangle);
  __syncthreads();
  const int lane = static_cast<int>(threadIdx.x) % k_warp;
  const index_t j =
      static_cast<index_t>(blockIdx.x) * k_triangle_warps + static_cast<int>(threadIdx.x) / k_warp;
  if (j >= u.X.cols || u.status[j] != k_running) return;

  const auto n = static_cast<int>(u.X.rows);
  T sums[k_parts];
  T forcing[k_parts];
  T slopes[k_parts] = {};
  T x[k_parts] = {};
  load_rows(u.S, j, lane, sums);
  load_rows(u.forcing, j, lane, forcing);
  if constexpr (Rows::k_has_slopes) load_rows(u.slopes, j, lane, slopes);
  for (int step = 0; step < n; ++step) {
    const int i = transpose ? step : n - 1 - step;
    T next = T(0);
    for (int part = 0; part < k_parts; ++part)
      if (i / k_warp == part) next = f(sums[part], forcing[part], slopes[part]);
    next = __shfl_sync(k_full_warp, next, i % k_warp);
    for (int part = 0; part < k_parts; ++part) {
      const int row = lane + part * k_warp;
      if (row == i) x[part] = next;
      sums[part] += triangle[row + i * k_triangle_pitch] * next;
    }
  }
  for (int part = 0; part < k_parts; ++part) {
    const int i = lane + part * k_warp;
    if (i < n) u.X.data[i + j * u.X.ld] = x[part];
  }
  auto norm = Rows::norm_of(x[0]);
  for (int part = 1; part < k_parts; ++part)
    norm = typename Rows::Join{}(norm, Rows::norm_of(x[part]));
  norm = warp_reduce(norm, typename Rows::Join{});
  if (lane > 0) return;
  if (u.join) norm = typename Rows::Join{}(Rows::norm_of(u.state_norms[j]), norm);
  u.store_norms(j, Rows::number(norm));
}

}  // namespace

template <class T>
void substitute(const Substitute<T>& s, CUstream_st* stream) {
  with_rows<T>(s, [&]<class Rows>(const SubstitutedColumns<T>& columns, const Rows& f) {
    if (columns.X.cols == 0) return;
    const auto blocks =
        static_cast<unsigned>((columns.X.cols + k_triangle_warps - 1) / k_triangle_warps);
    launch(substitute_kernel<T, Rows>, {.grid = dim3(blocks), .block = dim3(k_triangle_threads)},
           stream, s.A, s.transpose, columns, f);
  });
}

template void substitute(const Substitute<float>&, CUstream_st*);
template void substitute(const Substitute<double>&, CUstream_st*);

}  // namespace idl::cuda
