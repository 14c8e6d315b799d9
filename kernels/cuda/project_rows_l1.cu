// SPDX-License-Identifier: MIT
// Each row of A becomes its Euclidean projection onto {‖a‖₁ <= radius}, by the steps of
// kernels/math/l1_projection.hpp.
//
// A block takes eight rows (rows.cuh), and every thread of a row carries the same state of it, made
// of sums that the block adds in a fixed tree. Rows that fit are kept in shared memory between the
// sweeps (some 40 KB: 1280 floats or 640 doubles a row); longer rows are read again, mostly from
// the L2 cache. A row that is done earlier than its neighbours runs along without effect. 1 read of
// the matrix where all rows are inside, else 1 read and 1 write, and 5 to 10 sweeps on chip.
#include <cmath>
#include <cstdint>

#include "kernels/cuda/launchers.hpp"
#include "kernels/cuda/rows.cuh"
#include "kernels/math/l1_projection.hpp"

namespace idl::cuda {
namespace {

template <class T>
inline constexpr index_t k_kept_cols = 40960 / (k_slab_rows * static_cast<int>(sizeof(T)));

/// One thread's share of its row, in memory or in the block's shared copy of the slab, and the
/// arrays of the block's reductions.
template <class T, bool Kept>
struct RowShare {
  T* row;  // A(i, 0); nullptr below the last row
  index_t ld;
  index_t cols;
  SharedArray<T, Kept ? k_kept_cols<T> * k_slab_rows : 1>& kept;
  SlabShared<double>& doubles;
  SlabShared<unsigned long long>& words;

  __device__ T entry(index_t j) const {
    if constexpr (Kept) {
      return kept[static_cast<int>(j) * k_slab_rows + row_seat().row];
    } else {
      return row[j * ld];
    }
  }

  /// Calls f(j, a_j) for the thread's entries.
  template <class F>
  __device__ void for_each(F f) const {
    if (row == nullptr) return;
    for (index_t j = row_seat().rank; j < cols; j += k_row_threads) f(j, entry(j));
  }

  __device__ double sum(double value) const { return row_reduce(value, Plus{}, doubles); }
  __device__ std::int64_t sum(std::int64_t value) const {
    return static_cast<std::int64_t>(
        row_reduce(static_cast<unsigned long long>(value), Plus{}, words));
  }
  /// The largest of magnitudes, NaN if one is.
  __device__ double max(double value) const {
    return from_magnitude<double>(row_reduce(magnitude(value), Maximum{}, words));
  }
  /// Whether the thread's row or another one of the block wants something.
  __device__ bool any(bool wanted) const { return __syncthreads_or(wanted ? 1 : 0) != 0; }
};

/// Step 2: τ, and the number of entries that stay.
struct Threshold {
  double tau;
  std::int64_t active;
};

template <class Share>
__device__ Threshold solve_for_tau(const Share& share, bool projected, double largest,
                                   double radius) {
  Threshold result = {radius, INT64_MAX};
  bool changing = projected;
  while (share.any(changing)) {
    double gap_sum = 0;
    std::int64_t count = 0;
    if (changing) {
      share.for_each([&](index_t, auto a) {
        const double gap = largest - std::abs(static_cast<double>(a));
        if (gap < result.tau) {
          gap_sum += gap;
          count += 1;
        }
      });
    }
    gap_sum = share.sum(gap_sum);
    count = share.sum(count);
    if (changing && count < result.active) {
      result = {next_tau(radius, gap_sum, count), count};
    } else {
      changing = false;
    }
  }
  return result;
}

/// Step 3: the τ that leaves the row inside the ball for every order of summation.
template <class Share>
__device__ double settle_inside(const Share& share, bool projected, double largest,
                                Threshold threshold, double radius) {
  double tau = threshold.tau;
  bool outside = projected;
  for (int attempt = 0; share.any(outside); ++attempt) {
    double total = 0;
    if (outside) {
      share.for_each([&](index_t, auto a) {
        total += std::abs(static_cast<double>(shrink(a, largest, tau)));
      });
    }
    total = share.sum(total);
    if (!outside) continue;
    if (l1_ball_holds_in_any_order(total, radius, threshold.active)) {
      outside = false;
    } else {
      tau = lower_tau(tau, total, radius, threshold.active, attempt);
    }
  }
  return tau;
}

template <class T, bool Kept>
__global__ void project_rows_l1_kernel(MatrixView<T> A, double radius, std::int32_t* zeros) {
  __shared__ SharedArray<T, Kept ? k_kept_cols<T> * k_slab_rows : 1> kept;
  __shared__ SlabShared<double> doubles;
  __shared__ SlabShared<unsigned long long> words;
  const RowSeat seat = row_seat();
  const index_t i = static_cast<index_t>(blockIdx.x) * k_slab_rows + seat.row;
  T* row = i < A.rows ? A.data + i : nullptr;
  const RowShare<T, Kept> share = {row, A.ld, A.cols, kept, doubles, words};

  double sum = 0;
  double largest = 0;
  std::int64_t zero_count = 0;
  if (row != nullptr) {
    for (index_t j = seat.rank; j < A.cols; j += k_row_threads) {
      const T a = row[j * A.ld];
      if constexpr (Kept) kept[static_cast<int>(j) * k_slab_rows + seat.row] = a;
      const double size = std::abs(static_cast<double>(a));
      sum += size;
      largest = from_magnitude<double>(Maximum{}(magnitude(largest), magnitude(size)));
      zero_count += a == T(0) ? 1 : 0;
    }
  }
  sum = share.sum(sum);
  largest = share.max(largest);
  const bool finite = largest - largest == 0.0;
  const bool projected = row != nullptr && finite && !l1_ball_holds(sum, radius);

  if (share.any(projected)) {
    const Threshold threshold = solve_for_tau(share, projected, largest, radius);
    const double tau = settle_inside(share, projected, largest, threshold, radius);
    if (projected) {
      zero_count = 0;
      share.for_each([&](index_t j, T a) {
        const T value = shrink(a, largest, tau);
        row[j * A.ld] = value;
        zero_count += value == T(0) ? 1 : 0;
      });
    }
  }
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
