// SPDX-License-Identifier: MIT
// Each row of A becomes its Euclidean projection onto {‖a‖₁ <= radius} (l1_rows.cuh).
//
// Rows that fit are kept in shared memory between the sweeps (some 40 KB: 1280 floats or 640
// doubles a row); longer rows are read again, mostly from the L2 cache. 1 read of the matrix where
// all rows are inside, else 1 read and 1 write, and 5 to 10 sweeps on chip.
#include "kernels/cuda/l1_rows.cuh"
#include "kernels/cuda/launchers.hpp"

namespace idl::cuda {
namespace {

template <class T, bool Kept>
__global__ void project_rows_l1_kernel(MatrixView<T> A, double radius, std::int32_t* zeros) {
  __shared__ SharedArray<T, Kept ? k_kept_cols<T> * k_slab_rows : 1> kept;
  __shared__ SlabShared<double> doubles;
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

}  // namespace

template <class T>
void project_rows_l1(const ProjectRowsL1<T>& p, CUstream_st* stream) {
  if (p.A.rows == 0) return;
  std::int32_t* zeros = p.zeros.size > 0 ? p.zeros.data : nullptr;
  const bool kept = p.A.cols <= k_kept_cols<T>;
  launch(kept ? project_rows_l1_kernel<T, true> : project_rows_l1_kernel<T, false>,
         slab_shape(p.A.rows), stream, p.A, static_cast<double>(p.radius), zeros);
}

template void project_rows_l1(const ProjectRowsL1<float>&, CUstream_st*);
template void project_rows_l1(const ProjectRowsL1<double>&, CUstream_st*);

}  // namespace idl::cuda
