// SPDX-License-Identifier: MIT
// Each row of A becomes its Euclidean projection onto {‖a‖₁ <= radius} (l1_rows.cuh).
//
// Rows are kept in shared memory between the sweeps: in that of a block up to 1280 floats or 640
// doubles, in that of a cluster of 8 or 16 blocks, where the device has clusters, up to 16384
// floats or 8192 doubles. Longer ones are read again, mostly from the L2 cache. 1 read of the
// matrix where all rows are inside, else 1 read and 1 write, and 5 to 10 sweeps on chip.
#include "kernels/cuda/device/cluster_rows.cuh"
#include "kernels/cuda/device/l1_rows.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

template <class T, bool Kept>
__global__ void project_rows_l1_kernel(MatrixView<T> A, double radius, std::int32_t* zeros) {
  __shared__ SharedArray<T, Kept ? k_kept_cols<T> * k_slab_rows : 1> kept;
  __shared__ SlabShared<double, 2> doubles;
  __shared__ SlabShared<unsigned long long> words;
  const RowSeat seat = row_seat();
  const index_t i = static_cast<index_t>(blockIdx.x) * k_slab_rows + seat.row;
  T* row = i < A.rows ? A.data + i : nullptr;
  const RowShare<T, Kept> share = {row, A.ld, A.cols, kept, doubles, words};

  RowSummary summary;
  if (row != nullptr) {
    for (index_t j = seat.rank; j < A.cols; j += k_row_threads) {
      const T a = row[j * A.ld];
      if constexpr (Kept) kept[static_cast<int>(j) * k_slab_rows + seat.row] = a;
      summary.take(a);
    }
  }
  bool projected = false;
  std::int64_t zero_count = project_row(share, summary, row != nullptr, radius, projected,
                                        [&](index_t j, T value) { row[j * A.ld] = value; });
  if (zeros == nullptr) return;
  zero_count = share.sum(zero_count);
  if (seat.rank == 0 && row != nullptr) zeros[i] = static_cast<std::int32_t>(zero_count);
}

/// Empty for architectures that have no such clusters: most_clusters() keeps it from them.
template <class T, int Blocks>
__global__ void project_long_rows_l1_kernel(MatrixView<T> A, double radius, std::int32_t* zeros) {
  if constexpr (k_has_clusters<Blocks>) {
    const RowSeat seat = row_seat();
    const int block = static_cast<int>(blockIdx.x % Blocks);
    const index_t i = static_cast<index_t>(blockIdx.x / Blocks) * k_slab_rows + seat.row;
    const index_t share_cols = (A.cols + Blocks - 1) / Blocks;
    const index_t first = block * share_cols;
    const index_t left = A.cols - first;
    const index_t cols = left < share_cols ? left : share_cols;
    T* row = i < A.rows ? A.data + i : nullptr;
    const ClusterRowShare<T, Blocks> share = {row, A.ld, first, cols, block};
    cluster_barrier<Blocks>();

    RowSummary summary;
    share.load([&](T a) { summary.take(a); });
    bool projected = false;
    std::int64_t zero_count = project_row(share, summary, row != nullptr, radius, projected,
                                          [&](index_t j, T value) { row[j * A.ld] = value; });
    if (zeros == nullptr) return;
    zero_count = share.sum(zero_count);
    if (block == 0 && seat.rank == 0 && row != nullptr)
      zeros[i] = static_cast<std::int32_t>(zero_count);
  }
}

/// Whether the rows fit into clusters of so many blocks; then they have been projected.
template <int Blocks, class T>
bool project_in_clusters(const ProjectRowsL1<T>& p, std::int32_t* zeros, CUstream_st* stream) {
  if (p.A.cols > Blocks * k_block_cols<T>) return false;
  LaunchShape shape = slab_shape(p.A.rows);
  shape.grid.x *= Blocks;
  shape.shared_bytes = ClusterRowShare<T, Blocks>::k_shared_bytes;
  shape.cluster = Blocks;
  if (most_clusters<project_long_rows_l1_kernel<T, Blocks>>(shape) == 0) return false;
  launch(project_long_rows_l1_kernel<T, Blocks>, shape, stream, p.A, static_cast<double>(p.radius),
         zeros);
  return true;
}

}  // namespace

template <class T>
void project_rows_l1(const ProjectRowsL1<T>& p, CUstream_st* stream) {
  if (p.A.rows == 0) return;
  std::int32_t* zeros = p.zeros.size > 0 ? p.zeros.data : nullptr;
  const bool kept = p.A.cols <= k_kept_cols<T>;
  if (!kept &&
      (project_in_clusters<8>(p, zeros, stream) || project_in_clusters<16>(p, zeros, stream)))
    return;
  launch(kept ? project_rows_l1_kernel<T, true> : project_rows_l1_kernel<T, false>,
         slab_shape(p.A.rows), stream, p.A, static_cast<double>(p.radius), zeros);
}

template void project_rows_l1(const ProjectRowsL1<float>&, CUstream_st*);
template void project_rows_l1(const ProjectRowsL1<double>&, CUstream_st*);

}  // namespace idl::cuda
