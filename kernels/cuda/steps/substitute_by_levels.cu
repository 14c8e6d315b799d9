// SPDX-License-Identifier: MIT
// X_i <- f_i(S_i + Σ_j A_ij X_j) level after level, and the norms of each column.
//
// Columns do not wait for each other, so a block takes some of them through all levels: four, or
// one where there are few columns. Within a level a group of 4 or 32 lanes takes a row, each lane
// every 4th or 32nd of its entries; lane c of the group adds the sums of column c in a fixed tree
// and applies f. The block waits once a level. The width of a group depends on the average row
// alone, so a column has the same bits in any batch. Each block reads A once and gathers nnz
// elements of each of its columns, which its first-level cache mostly serves.
#include "idl/detail/column_status.hpp"
#include "kernels/cuda/device/substituted_rows.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr int k_most_threads = 256;
constexpr int k_level_columns = 4;
constexpr int k_few_lanes = 4;
constexpr index_t k_short_level_row = 8;
/// So many blocks of one column before columns share a block.
constexpr index_t k_enough_blocks = 256;

static_assert(k_level_columns <= k_few_lanes, "each column of a block has a lane of the group");

/// The lane's part of row i, of columns first, first + 1, ....
template <class T>
__device__ void add_entries(const ConstCsrView<T>& A, index_t i, int lane, int lanes, const T* x,
                            index_t ld, int count, T (&sums)[k_level_columns]) {
  const std::int64_t end = A.row_offsets[i + 1];
  for (std::int64_t e = A.row_offsets[i] + lane; e < end; e += lanes) {
    const T a = A.values[e];
    const T* entry = x + A.col_indices[e];
    for (int c = 0; c < k_level_columns; ++c) {
      if (c < count) sums[c] += a * entry[c * ld];
    }
  }
}

template <class T, class Rows>
__global__ void substitute_by_levels_kernel(ConstCsrView<T> A, RowLevels levels, int lanes,
                                            int block_columns, SubstitutedColumns<T> u, Rows f) {
  using Norm = typename Rows::Norm;
  using Join = typename Rows::Join;
  __shared__ SharedArray<Norm, k_most_threads / k_few_lanes * k_level_columns> norms;
  const int groups = static_cast<int>(blockDim.x) / lanes;
  const int group = static_cast<int>(threadIdx.x) / lanes;
  const int lane = static_cast<int>(threadIdx.x) % lanes;
  const index_t first = static_cast<index_t>(blockIdx.x) * block_columns;
  const index_t left = u.X.cols - first;
  const int count = left < block_columns ? static_cast<int>(left) : block_columns;
  const index_t j = first + lane;  // of lanes that have a column
  const bool runs = lane < count && u.status[j] == k_running;

  Norm norm = Rows::norm_of(T(0));
  for (index_t level = 0; level + 1 < levels.offsets.size; ++level) {
    const std::int64_t end = levels.offsets.data[level + 1];
    for (std::int64_t at = levels.offsets.data[level]; at < end; at += groups) {
      const bool has_row = at + group < end;
      const index_t i = has_row ? levels.rows.data[at + group] : 0;
      T sums[k_level_columns] = {};
      if (has_row) add_entries(A, i, lane, lanes, u.X.data + first * u.X.ld, u.X.ld, count, sums);
      T sum = T(0);
      for (int c = 0; c < k_level_columns; ++c) {
        for (int offset = lanes / 2; offset > 0; offset /= 2)
          sums[c] += __shfl_xor_sync(k_full_warp, sums[c], offset);
        if (c == lane) sum = sums[c];
      }
      if (!has_row || !runs) continue;
      const T slope = Rows::k_has_slopes ? u.slopes.data[i + j * u.slopes.ld] : T(0);
      const T x = f(u.S.data[i + j * u.S.ld] + sum, u.forcing.data[i + j * u.forcing.ld], slope);
      u.X.data[i + j * u.X.ld] = x;
      norm = Join{}(norm, Rows::norm_of(x));
    }
    __syncthreads();  // after which the block sees the rows of this level
  }
  if (lane < k_level_columns) norms[group * k_level_columns + lane] = norm;
  __syncthreads();
  if (group > 0 || !runs) return;
  for (int other = 1; other < groups; ++other) {
    const Norm its = norms[other * k_level_columns + lane];
    norm = Join{}(norm, its);
  }
  if (u.join) norm = Join{}(Rows::norm_of(u.state_norms[j]), norm);
  u.store_norms(j, Rows::number(norm));
}

}  // namespace

template <class T>
void substitute_by_levels(const SubstituteByLevels<T>& s, CUstream_st* stream) {
  with_rows<T>(s, [&]<class Rows>(const SubstitutedColumns<T>& columns, const Rows& f) {
    const index_t m = columns.X.cols;
    if (m == 0) return;
    const int block_columns = m <= k_enough_blocks ? 1 : k_level_columns;
    const auto blocks = static_cast<unsigned>((m + block_columns - 1) / block_columns);
    const int lanes = s.A.nnz <= s.A.rows * k_short_level_row ? k_few_lanes : k_warp;
    // No more than there are rows for, in whole warps.
    const index_t useful = (s.A.rows * lanes + k_warp - 1) / k_warp * k_warp;
    const int threads = static_cast<int>(
        useful < k_warp ? k_warp : (useful < k_most_threads ? useful : k_most_threads));
    launch(substitute_by_levels_kernel<T, Rows>,
           {.grid = dim3(blocks), .block = dim3(static_cast<unsigned>(threads))}, stream, s.A,
           s.levels, lanes, block_columns, columns, f);
  });
}

template void substitute_by_levels(const SubstituteByLevels<float>&, CUstream_st*);
template void substitute_by_levels(const SubstituteByLevels<double>&, CUstream_st*);

}  // namespace idl::cuda
