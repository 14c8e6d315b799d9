// SPDX-License-Identifier: MIT
// DenseToCsr: P <- the nonzero entries of A, in three launches; CsrToDense: A <- P, zero elsewhere.
//
// A block takes eight rows (rows.cuh); the 32 threads of a row share out its columns in runs that
// follow each other, so that a thread's entries come after those of the threads before it. Counting
// and writing read the matrix once each; in between one block sums up the counts of the rows.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/rows.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

/// The columns [first, last) of one of the threads that share a row.
struct Run {
  index_t first;
  index_t last;
};

__device__ inline Run run_of(int rank, index_t cols) {
  const index_t length = (cols + k_row_threads - 1) / k_row_threads;
  const index_t first = length * rank;
  const index_t last = first + length;
  return {first < cols ? first : cols, last < cols ? last : cols};
}

template <class T>
__device__ std::int64_t count_run(const T* row, index_t ld, Run run) {
  std::int64_t count = 0;
  for (index_t j = run.first; j < run.last; ++j) count += row[j * ld] != T(0) ? 1 : 0;
  return count;
}

/// row_offsets[i + 1] <- the number of nonzero entries of row i.
template <class T>
__global__ void count_rows_kernel(ConstMatrixView<T> A, std::int64_t* row_offsets) {
  __shared__ SlabShared<long long> shared;
  const RowSeat seat = row_seat();
  const index_t i = static_cast<index_t>(blockIdx.x) * k_slab_rows + seat.row;
  long long count = 0;
  if (i < A.rows) count = count_run(A.data + i, A.ld, run_of(seat.rank, A.cols));
  count = row_reduce(count, Plus{}, shared);
  if (seat.rank == 0 && i < A.rows) row_offsets[i + 1] = count;
}

/// row_offsets[0..rows] <- the running sums of the counts, nnz <- the last. One block.
constexpr int k_scan_threads = 1024;

__global__ void __launch_bounds__(k_scan_threads)
    sum_up_rows_kernel(std::int64_t* row_offsets, index_t rows, std::int64_t* nnz) {
  __shared__ SharedArray<long long, k_scan_threads / k_warp> warp_sums;
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % k_warp;
  long long before = 0;
  for (index_t first = 0; first < rows; first += k_scan_threads) {
    const index_t i = first + thread;
    long long sum = i < rows ? row_offsets[i + 1] : 0;
    for (int offset = 1; offset < k_warp; offset *= 2) {
      const long long other = __shfl_up_sync(k_full_warp, sum, static_cast<unsigned>(offset));
      if (lane >= offset) sum += other;
    }
    if (lane == k_warp - 1) warp_sums[thread / k_warp] = sum;
    __syncthreads();
    long long total = 0;
    for (int warp = 0; warp < k_scan_threads / k_warp; ++warp) {
      if (warp == thread / k_warp) sum += total;
      total += warp_sums[warp];
    }
    if (i < rows) row_offsets[i + 1] = before + sum;
    before += total;
    __syncthreads();
  }
  if (thread == 0) {
    row_offsets[0] = 0;
    nnz[0] = before;
  }
}

template <class T>
__global__ void write_entries_kernel(ConstMatrixView<T> A, CsrView<T> P) {
  __shared__ SharedArray<long long, k_slab_threads> counts;
  if (P.row_offsets[A.rows] > P.capacity) return;
  const RowSeat seat = row_seat();
  const int thread = static_cast<int>(threadIdx.x);
  const index_t i = static_cast<index_t>(blockIdx.x) * k_slab_rows + seat.row;
  const Run run = run_of(seat.rank, A.cols);
  const T* row = A.data + i;
  counts[thread] = i < A.rows ? count_run(row, A.ld, run) : 0;
  __syncthreads();
  if (i >= A.rows) return;
  std::int64_t next = P.row_offsets[i];
  for (int rank = 0; rank < seat.rank; ++rank) next += counts[rank * k_slab_rows + seat.row];
  for (index_t j = run.first; j < run.last; ++j) {
    const T a = row[j * A.ld];
    if (a == T(0)) continue;
    P.col_indices[next] = static_cast<std::int32_t>(j);
    P.values[next] = a;
    next += 1;
  }
}

/// One warp per row.
constexpr int k_spread_rows = 4;

template <class T>
__global__ void spread_rows_kernel(ConstCsrView<T> P, MatrixView<T> A) {
  const int thread = static_cast<int>(threadIdx.x);
  const index_t i = static_cast<index_t>(blockIdx.x) * k_spread_rows + thread / k_warp;
  if (i >= A.rows) return;
  const std::int64_t end = P.row_offsets[i + 1];
  for (std::int64_t e = P.row_offsets[i] + thread % k_warp; e < end; e += k_warp) {
    A.data[i + static_cast<index_t>(P.col_indices[e]) * A.ld] = P.values[e];
  }
}

}  // namespace

template <class T>
void dense_to_csr(const DenseToCsr<T>& c, CUstream_st* stream) {
  const index_t rows = c.A.rows;
  if (rows > 0) {
    launch(count_rows_kernel<T>, slab_shape(rows), stream, c.A, c.P.row_offsets);
  }
  const LaunchShape one_block = {
      .grid = dim3(1), .block = dim3(static_cast<unsigned>(k_scan_threads)), .shared_bytes = 0};
  launch(sum_up_rows_kernel, one_block, stream, c.P.row_offsets, rows, c.nnz.data);
  if (rows > 0) launch(write_entries_kernel<T>, slab_shape(rows), stream, c.A, c.P);
}

template <class T>
void csr_to_dense(const CsrToDense<T>& c, CUstream_st* stream) {
  if (c.A.rows == 0 || c.A.cols == 0) return;
  fill(Fill<T>{.Y = c.A, .value = T(0)}, stream);
  const LaunchShape shape = {
      .grid = dim3(static_cast<unsigned>((c.A.rows + k_spread_rows - 1) / k_spread_rows)),
      .block = dim3(static_cast<unsigned>(k_spread_rows * k_warp)),
      .shared_bytes = 0};
  launch(spread_rows_kernel<T>, shape, stream, c.P, c.A);
}

template void dense_to_csr(const DenseToCsr<float>&, CUstream_st*);
template void dense_to_csr(const DenseToCsr<double>&, CUstream_st*);
template void csr_to_dense(const CsrToDense<float>&, CUstream_st*);
template void csr_to_dense(const CsrToDense<double>&, CUstream_st*);

}  // namespace idl::cuda
