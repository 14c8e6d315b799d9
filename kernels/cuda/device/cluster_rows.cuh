// SPDX-License-Identifier: MIT
#pragma once

#include "idl/cuda/device/cluster.cuh"
#include "kernels/cuda/device/l1_rows.cuh"

/// The eight rows of a cluster of blocks: rows that are too long for one block's shared memory lie
/// in that of all its blocks, each of which has a range of the columns.
namespace idl::cuda {

/// Columns of a block, some 32 KB for eight rows.
template <class T>
inline constexpr index_t k_block_cols = 32768 / (k_slab_rows * static_cast<int>(sizeof(T)));

/// RowShare for a thread of such a cluster. Sums are put together in the same order in all blocks,
/// whose threads so carry the same state of their row.
template <class T, int Blocks>
struct ClusterRowShare {
  static_assert(Blocks <= k_row_threads);
  /// Two sets of the blocks' results: one is written while some thread still reads the other. Each
  /// has room for two values of every row.
  static constexpr int k_values = Blocks * k_slab_rows;
  static constexpr int k_results = 2 * k_values;
  static constexpr std::size_t k_results_at =
      static_cast<std::size_t>(k_block_cols<T>) * k_slab_rows * sizeof(T);
  static constexpr std::size_t k_slab_at =
      k_results_at + 2 * k_results * sizeof(unsigned long long);
  static constexpr std::size_t k_shared_bytes =
      k_slab_at + 2 * k_slab_results * sizeof(unsigned long long);

  T* row;  // A(i, 0); nullptr below the last row
  index_t ld;
  index_t first;  // of the block's columns
  index_t cols;   // of the block
  int block;      // its rank in the cluster
  DynamicShared<T> kept{};
  mutable int turn = 0;

  /// Calls f(j, a_j) for the thread's entries.
  template <class F>
  __device__ void for_each(F f) const {
    if (row == nullptr) return;
    const RowSeat seat = row_seat();
    for (index_t j = seat.rank; j < cols; j += k_row_threads)
      f(first + j, static_cast<T>(kept[static_cast<int>(j) * k_slab_rows + seat.row]));
  }

  /// Reads the thread's entries from memory, several at a time, to keep enough reads under way.
  template <class F>
  __device__ void load(F f) const {
    if (row == nullptr) return;
    constexpr int k_at_a_time = 8;
    const RowSeat seat = row_seat();
    for (index_t j = seat.rank; j < cols; j += k_at_a_time * k_row_threads) {
      T values[k_at_a_time];
#pragma unroll
      for (int u = 0; u < k_at_a_time; ++u) {
        const index_t at = j + u * k_row_threads;
        values[u] = at < cols ? row[(first + at) * ld] : T(0);
      }
#pragma unroll
      for (int u = 0; u < k_at_a_time; ++u) {
        const index_t at = j + u * k_row_threads;
        if (at >= cols) break;
        kept[static_cast<int>(at) * k_slab_rows + seat.row] = values[u];
        f(values[u]);
      }
    }
  }

  __device__ double sum(double value) const { return over_cluster(value, Plus{}); }
  __device__ std::int64_t sum(std::int64_t value) const {
    return static_cast<std::int64_t>(over_cluster(static_cast<unsigned long long>(value), Plus{}));
  }
  /// Sums of one or two values in one go.
  template <int Count>
  __device__ void sum_before_any(double (&values)[Count]) const {
    over_cluster(values, Plus{});
  }
  /// The largest of magnitudes, NaN if one is.
  __device__ double max(double value) const {
    return from_magnitude<double>(over_cluster(magnitude(value), Maximum{}));
  }
  /// Whether the thread's row or another one of the cluster wants something: what the blocks know
  /// of their rows is the same.
  __device__ bool any(bool wanted) const { return __syncthreads_or(wanted ? 1 : 0) != 0; }

 private:
  template <class V, class Op>
  __device__ V over_cluster(V value, Op op) const {
    V values[1] = {value};
    over_cluster(values, op);
    return values[0];
  }

  template <int Count, class V, class Op>
  __device__ void over_cluster(V (&values)[Count], Op op) const {
    static_assert(sizeof(V) == sizeof(unsigned long long) && Count <= 2);
    const DynamicShared<V> slab(kept, k_slab_at);
    row_reduce_open(values, op, slab);
    const DynamicShared<V> results(kept, k_results_at);
    const RowSeat seat = row_seat();
    const int set = turn * k_results + seat.row;
    turn = 1 - turn;
    if (seat.rank < Blocks) {
      for (int c = 0; c < Count; ++c)
        store_in_block(results, set + c * k_values + block * k_slab_rows, seat.rank, values[c]);
    }
    cluster_barrier<Blocks>();
    for (int c = 0; c < Count; ++c) {
      values[c] = results[set + c * k_values];
      for (int other = 1; other < Blocks; ++other) {
        const V part = results[set + c * k_values + other * k_slab_rows];
        values[c] = op(values[c], part);
      }
    }
  }
};

}  // namespace idl::cuda
