// SPDX-License-Identifier: MIT
// ProjectRowsL1 and ProjectCsrRowsL1: each row of A becomes its Euclidean projection onto
// {‖a‖₁ <= radius} (l1_rows.cuh), after its magnitudes have shrunk by a threshold, where one is
// given.
//
// Rows of a dense A are kept in shared memory between the sweeps: in that of a block up to 1280
// floats or 640 doubles, in that of a cluster of 8 or 16 blocks, where the device has clusters, up
// to 16384 floats or 8192 doubles. Longer ones are read again, mostly from the L2 cache. 1 read of
// the matrix where all rows are inside, else 1 read and 1 write, and 5 to 10 sweeps on chip.
//
// A warp takes a compressed row. Its lanes read every 32nd entry in each sweep, after the first one
// from the caches.
#include "kernels/cuda/device/cluster_rows.cuh"
#include "kernels/cuda/device/l1_rows.cuh"
#include "kernels/cuda/runtime/launchers.hpp"
#include "kernels/optimiser_factors.hpp"

namespace idl::cuda {
namespace {

template <class T, bool Kept>
__global__ void project_rows_l1_kernel(ProjectRowsL1<T> p) {
  __shared__ SharedArray<T, Kept ? k_kept_cols<T> * k_slab_rows : 1> kept;
  __shared__ SlabShared<double, 2> doubles;
  __shared__ SlabShared<unsigned long long> words;
  const MatrixView<T>& A = p.A;
  const L1Prox prox = prox_of(p);
  const RowSeat seat = row_seat();
  const index_t i = static_cast<index_t>(blockIdx.x) * k_slab_rows + seat.row;
  T* row = i < A.rows ? A.data + i : nullptr;
  const RowShare<T, Kept> share = {row, A.ld, A.cols, kept, doubles, words};

  RowSummary summary;
  if (row != nullptr) {
    for (index_t j = seat.rank; j < A.cols; j += k_row_threads) {
      const T a = row[j * A.ld];
      if constexpr (Kept) kept[static_cast<int>(j) * k_slab_rows + seat.row] = a;
      summary.take(a, prox);
    }
  }
  bool changed = false;
  std::int64_t zero_count = project_row(share, summary, row != nullptr, A.cols, prox, changed,
                                        [&](index_t j, T value) { row[j * A.ld] = value; });
  if (p.zeros.size == 0) return;
  zero_count = share.sum(zero_count);
  if (seat.rank == 0 && row != nullptr) p.zeros.data[i] = static_cast<std::int32_t>(zero_count);
}

/// Empty for architectures that have no such clusters: most_clusters() keeps it from them.
template <class T, int Blocks>
__global__ void project_long_rows_l1_kernel(ProjectRowsL1<T> p) {
  if constexpr (k_has_clusters<Blocks>) {
    const MatrixView<T>& A = p.A;
    const L1Prox prox = prox_of(p);
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
    share.load([&](T a) { summary.take(a, prox); });
    bool changed = false;
    std::int64_t zero_count = project_row(share, summary, row != nullptr, A.cols, prox, changed,
                                          [&](index_t j, T value) { row[j * A.ld] = value; });
    if (p.zeros.size == 0) return;
    zero_count = share.sum(zero_count);
    if (block == 0 && seat.rank == 0 && row != nullptr)
      p.zeros.data[i] = static_cast<std::int32_t>(zero_count);
  }
}

/// Whether the rows fit into clusters of so many blocks; then they have been projected.
template <int Blocks, class T>
bool project_in_clusters(const ProjectRowsL1<T>& p, CUstream_st* stream) {
  if (p.A.cols > Blocks * k_block_cols<T>) return false;
  LaunchShape shape = slab_shape(p.A.rows);
  shape.grid.x *= Blocks;
  shape.shared_bytes = ClusterRowShare<T, Blocks>::k_shared_bytes;
  shape.cluster = Blocks;
  if (most_clusters<project_long_rows_l1_kernel<T, Blocks>>(shape) == 0) return false;
  launch(project_long_rows_l1_kernel<T, Blocks>, shape, stream, p);
  return true;
}

/// A compressed row for the lanes of a warp, all of which carry the same state of it.
template <class T>
struct WarpRowShare {
  T* values;
  index_t count;

  /// Calls f(e, a_e) for the lane's entries.
  template <class F>
  __device__ void for_each(F f) const {
    for (index_t e = static_cast<index_t>(threadIdx.x) % k_warp; e < count; e += k_warp)
      f(e, values[e]);
  }
  __device__ double sum(double value) const { return warp_reduce(value, Plus{}); }
  __device__ std::int64_t sum(std::int64_t value) const {
    return static_cast<std::int64_t>(warp_reduce(static_cast<unsigned long long>(value), Plus{}));
  }
  /// The largest of magnitudes, NaN if one is.
  __device__ double max(double value) const {
    return from_magnitude<double>(warp_reduce(magnitude(value), Maximum{}));
  }
  template <int Count>
  __device__ void sum_before_any(double (&values_of_lane)[Count]) const {
    for (double& value : values_of_lane) value = warp_reduce(value, Plus{});
  }
  /// There is no other row, and its lanes know the same of it.
  __device__ bool any(bool wanted) const { return wanted; }
};

constexpr int k_csr_rows = 8;  // of a block

template <class T>
__global__ void project_csr_rows_l1_kernel(ProjectCsrRowsL1<T> p) {
  const int thread = static_cast<int>(threadIdx.x);
  const index_t i = static_cast<index_t>(blockIdx.x) * k_csr_rows + thread / k_warp;
  if (i >= p.A.rows) return;  // whole warps
  const L1Prox prox = prox_of(p);
  const std::int64_t begin = p.A.row_offsets[i];
  const WarpRowShare<T> share = {p.A.values + begin, p.A.row_offsets[i + 1] - begin};
  RowSummary summary;
  share.for_each([&](index_t, T a) { summary.take(a, prox); });
  bool changed = false;
  std::int64_t zero_count = project_row(share, summary, true, share.count, prox, changed,
                                        [&](index_t e, T value) { share.values[e] = value; });
  if (p.zeros.size == 0) return;
  zero_count = share.sum(zero_count);
  if (thread % k_warp == 0) p.zeros.data[i] = static_cast<std::int32_t>(zero_count);
}

}  // namespace

template <class T>
void project_rows_l1(const ProjectRowsL1<T>& p, CUstream_st* stream) {
  if (p.A.rows == 0) return;
  const bool kept = p.A.cols <= k_kept_cols<T>;
  if (!kept && (project_in_clusters<8>(p, stream) || project_in_clusters<16>(p, stream))) return;
  launch(kept ? project_rows_l1_kernel<T, true> : project_rows_l1_kernel<T, false>,
         slab_shape(p.A.rows), stream, p);
}

template <class T>
void project_csr_rows_l1(const ProjectCsrRowsL1<T>& p, CUstream_st* stream) {
  if (p.A.rows == 0) return;
  const LaunchShape shape = {
      .grid = dim3(static_cast<unsigned>((p.A.rows + k_csr_rows - 1) / k_csr_rows)),
      .block = dim3(static_cast<unsigned>(k_csr_rows * k_warp)),
      .shared_bytes = 0};
  launch(project_csr_rows_l1_kernel<T>, shape, stream, p);
}

template void project_rows_l1(const ProjectRowsL1<float>&, CUstream_st*);
template void project_rows_l1(const ProjectRowsL1<double>&, CUstream_st*);
template void project_csr_rows_l1(const ProjectCsrRowsL1<float>&, CUstream_st*);
template void project_csr_rows_l1(const ProjectCsrRowsL1<double>&, CUstream_st*);

}  // namespace idl::cuda
