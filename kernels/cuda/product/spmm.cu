// SPDX-License-Identifier: MIT
// C <- A B + beta C with A in compressed rows, and C <- Aᵀ B + beta C by the rows of Aᵀ.
//
// A group of 4 or 32 lanes takes one row of op(A) and eight columns of B: each lane sums every 4th
// or 32nd entry, the group adds its lanes in a fixed tree. The width of the group depends on the
// average row alone, so a column of C has the same bits in any batch. Each eight columns read the
// entries of A once and gather nnz elements of each column of B, which its cache lines mostly
// serve; C is written once.
#include "idl/cuda/device/collectives.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr int k_spmm_threads = 128;
constexpr int k_spmm_columns = 8;
constexpr index_t k_short_row = 8;

/// op(A): `entries` is nullptr where the entries of a row are where row_offsets says.
template <class T>
struct SparseRows {
  const std::int64_t* row_offsets;
  const std::int32_t* col_indices;
  const std::int64_t* entries;
  const T* values;
};

template <class T, int Lanes>
__global__ void spmm_kernel(SparseRows<T> A, ConstMatrixView<T> B, MatrixView<T> C, T beta,
                            index_t row_blocks) {
  constexpr int k_rows = k_spmm_threads / Lanes;
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % Lanes;
  const auto block = static_cast<index_t>(blockIdx.x);
  const index_t i = block % row_blocks * k_rows + thread / Lanes;
  const index_t first = block / row_blocks * k_spmm_columns;
  const index_t left = C.cols - first;
  const int count = left < k_spmm_columns ? static_cast<int>(left) : k_spmm_columns;

  T sums[k_spmm_columns] = {};
  const std::int64_t begin = i < C.rows ? A.row_offsets[i] : 0;
  const std::int64_t end = i < C.rows ? A.row_offsets[i + 1] : 0;
  for (std::int64_t e = begin + lane; e < end; e += Lanes) {
    const T a = A.values[A.entries == nullptr ? e : A.entries[e]];
    const T* b = B.data + A.col_indices[e] + first * B.ld;
    for (int c = 0; c < k_spmm_columns; ++c) {
      if (c < count) sums[c] += a * b[c * B.ld];
    }
  }
  for (int c = 0; c < k_spmm_columns; ++c) {
    for (int offset = Lanes / 2; offset > 0; offset /= 2) {
      sums[c] += __shfl_xor_sync(k_full_warp, sums[c], offset);
    }
  }
  if (i >= C.rows) return;
  for (int c = 0; c < k_spmm_columns; ++c) {
    if (c >= count || lane != c % Lanes) continue;
    T& target = C.data[i + (first + c) * C.ld];
    target = beta == T(0) ? sums[c] : sums[c] + beta * target;
  }
}

template <int Lanes, class T>
void launch_spmm(const SparseRows<T>& A, const Spmm<T>& s, CUstream_st* stream) {
  constexpr index_t k_rows = k_spmm_threads / Lanes;
  const index_t row_blocks = (s.C.rows + k_rows - 1) / k_rows;
  const index_t column_blocks = (s.C.cols + k_spmm_columns - 1) / k_spmm_columns;
  const LaunchShape shape = {.grid = dim3(static_cast<unsigned>(row_blocks * column_blocks)),
                             .block = dim3(static_cast<unsigned>(k_spmm_threads)),
                             .shared_bytes = 0};
  launch(spmm_kernel<T, Lanes>, shape, stream, A, s.B, s.C, s.beta, row_blocks);
}

}  // namespace

template <class T>
void spmm(const Spmm<T>& s, const TransposedPattern& transposed, CUstream_st* stream) {
  if (s.C.rows == 0 || s.C.cols == 0) return;
  const SparseRows<T> A =
      s.transpose_A ? SparseRows<T>{transposed.row_offsets, transposed.col_indices,
                                    transposed.entries, s.A.values}
                    : SparseRows<T>{s.A.row_offsets, s.A.col_indices, nullptr, s.A.values};
  s.A.nnz <= s.C.rows* k_short_row ? launch_spmm<4>(A, s, stream) : launch_spmm<32>(A, s, stream);
}

template void spmm(const Spmm<float>&, const TransposedPattern&, CUstream_st*);
template void spmm(const Spmm<double>&, const TransposedPattern&, CUstream_st*);

}  // namespace idl::cuda
