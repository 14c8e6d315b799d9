// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/device/rows.cuh"
#include "kernels/math/l1_projection.hpp"

/// The steps of kernels/math/l1_projection.hpp for the eight rows of a block (rows.cuh). Every
/// thread of a row carries the same state of it, made of sums that the block adds in a fixed tree.
/// A row that is done earlier than its neighbours runs along without effect.
namespace idl::cuda {

/// The longest row that a block keeps in shared memory, some 40 KB for eight.
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
  SlabShared<double, 2>& doubles;
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
  /// Sums of one or two values in one go; its last barrier is that of any(), the next to be called.
  template <int Count>
  __device__ void sum_before_any(double (&values)[Count]) const {
    row_reduce_open(values, Plus{}, doubles);
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
    double sums[2] = {gap_sum, static_cast<double>(count)};  // the count stays exact
    share.sum_before_any(sums);
    count = static_cast<std::int64_t>(sums[1]);
    if (changing && count < result.active) {
      result = {next_tau(radius, sums[0], count), count};
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
    double total[1] = {0};
    if (outside) {
      share.for_each([&](index_t, auto a) {
        total[0] += std::abs(static_cast<double>(shrink(a, largest, tau)));
      });
    }
    share.sum_before_any(total);
    if (!outside) continue;
    if (l1_ball_holds_in_any_order(total[0], radius, threshold.active)) {
      outside = false;
    } else {
      tau = lower_tau(tau, total[0], radius, threshold.active, attempt);
    }
  }
  return tau;
}

/// What the first sweep over a row finds out, per thread or, summed up, per row.
struct RowSummary {
  double sum = 0;
  double largest = 0;
  std::int64_t zeros = 0;

  template <class T>
  __device__ void take(T a, const L1Prox& prox) {
    const double size = std::abs(static_cast<double>(a));
    sum += prox.threshold > 0 ? above_threshold(size, prox.threshold) : size;
    largest = from_magnitude<double>(Maximum{}(magnitude(largest), magnitude(size)));
    zeros += a == T(0) ? 1 : 0;
  }
};

/// Projects the rows, of `entries` entries, from the threads' summaries: calls write(j, a_j) for
/// the thread's entries of a row that changes, and returns the row's number of zeros as this thread
/// counted them. Whether the row has changed is in `changed`.
template <class Share, class Write>
__device__ std::int64_t project_row(const Share& share, RowSummary summary, bool is_row,
                                    index_t entries, const L1Prox& prox, bool& changed,
                                    Write write) {
  const double sum = share.sum(summary.sum);
  const double largest = share.max(summary.largest);
  const bool finite = largest - largest == 0.0;
  const bool projected = is_row && finite && !l1_ball_holds(sum, prox, entries);
  changed = projected || (is_row && finite && prox.threshold > 0);
  std::int64_t zeros = summary.zeros;
  if (!share.any(changed)) return zeros;
  const Threshold threshold = solve_for_tau(share, projected, largest, prox.radius);
  const double tau = settle_inside(share, projected, largest, threshold, prox.radius);
  if (!changed) return zeros;
  const Shrinkage shrinkage =
      projected ? Shrinkage{largest, tau} : shrink_by_threshold(prox.threshold);
  zeros = 0;
  share.for_each([&](index_t j, auto a) {
    const auto value = shrink(a, shrinkage.largest, shrinkage.tau);
    write(j, value);
    zeros += value == 0 ? 1 : 0;
  });
  return zeros;
}

}  // namespace idl::cuda
