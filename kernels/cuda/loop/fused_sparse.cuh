// SPDX-License-Identifier: MIT
#pragma once

// The kernel of FusedSparseLoop. With a sparse P, in a block, for its tile of columns x:
//     repeat   s = P x;   x <- update(s, what the update holds);   each column's decision
//
// Every thread has a number of entries of P with the positions of their x, the first of them in
// registers, the others in shared memory, for the whole solve (sparse_slots.hpp). x of the tile
// lies in shared memory, the columns of an entry next to each other. A thread multiplies its
// segments of rows and puts their sums where the owner of the row finds them, one level of segments
// after the other. After a barrier owners add them up in that order, compute the new x and their
// share of the norms; after another one every thread takes the same decisions from the warps'
// norms.
//
// The blocks of a cluster share the rows. Each has all of x, twice, as peers write the next x while
// this one may still be read; owners write into the shared memory of all blocks.
//
// Reads of P: once per block or cluster. Per iteration and column: a word from shared memory for
// each entry, which bounds the kernel at 32 multiply-adds per clock and multiprocessor, two for
// each segment, five for each row.
#include <algorithm>
#include <cmath>

#include "idl/cuda/device/cluster.cuh"
#include "idl/cuda/device/collectives.cuh"
#include "idl/cuda/device/pack.cuh"
#include "idl/cuda/fused/columns.cuh"
#include "idl/detail/rounded.hpp"
#include "kernels/cuda/loop/fused_maps.cuh"
#include "kernels/cuda/loop/fused_sparse.hpp"

namespace idl::cuda {

inline constexpr int k_slot_warps = k_slot_threads / k_warp;

/// Slots that are multiplied between two questions whether a segment ends.
inline constexpr int k_slots_at_once = 4;

/// A block's share of P.
template <class T, int Registers>
class SparsePart {
 public:
  __device__ SparsePart(const SparseFactor<T>& P, int block)
      : slots_(P.slots), ends_(P.run - 1), extra_values_(P.values_at), extra_places_(P.places_at) {
    const int thread = static_cast<int>(threadIdx.x);
    const std::int32_t* entries = P.entries + index_t{block} * P.slots * k_slot_threads + thread;
    const std::uint32_t* places = P.places + index_t{block} * P.slots / 2 * k_slot_threads + thread;
#pragma unroll
    for (int s = 0; s < Registers; ++s) {
      const std::int32_t e = s < slots_ ? entries[s * k_slot_threads] : -1;
      values_[s] = e >= 0 ? P.values[e] : T(0);
    }
#pragma unroll
    for (int s = 0; s < Registers; s += 2)
      places_[s / 2] = s < slots_ ? places[s / 2 * k_slot_threads] : 0;
    for (int s = Registers; s < slots_; s += 2) {
      extra_places_[extra(s / 2 - Registers / 2)] = places[s / 2 * k_slot_threads];
      for (int k = s; k < s + 2; ++k) {
        const std::int32_t e = entries[k * k_slot_threads];
        extra_values_[extra(k - Registers)] = e >= 0 ? P.values[e] : T(0);
      }
    }
  }

  /// Puts the sums of this thread's segments where `sums` has room for them; x lies from position
  /// `first` on.
  template <class Word>
  __device__ void multiply(const DynamicShared<Word>& x, int first,
                           const DynamicShared<Word>& sums) const {
    Word sum = {};
    int to = static_cast<int>(threadIdx.x);
    const auto end_segment = [&](int slots) {
      if ((slots & ends_) != 0) return;
      sums[to] = sum;
      to += k_slot_threads;
      sum = {};
    };
#pragma unroll
    for (int s = 0; s < Registers; s += k_slots_at_once) {
      if (s < slots_) {
#pragma unroll
        for (int k = s; k < s + k_slots_at_once; k += 2)
          add(values_[k], values_[k + 1], places_[k / 2], x, first, sum);
        end_segment(s + k_slots_at_once);
      }
    }
#pragma unroll(1)
    for (int s = Registers; s < slots_; s += k_slots_at_once) {
#pragma unroll
      for (int k = 0; k < k_slots_at_once; k += 2) {
        const int slot = s - Registers + k;
        const std::uint32_t places = extra_places_[extra(slot / 2)];
        const T even = extra_values_[extra(slot)];
        const T odd = extra_values_[extra(slot + 1)];
        add(even, odd, places, x, first, sum);
      }
      end_segment(s + k_slots_at_once);
    }
  }

 private:
  __device__ static int extra(int row) {
    return row * k_slot_threads + static_cast<int>(threadIdx.x);
  }
  template <class Word>
  __device__ static void add(T even, T odd, std::uint32_t places, const DynamicShared<Word>& x,
                             int first, Word& sum) {
    const Word a = x[first + static_cast<int>(places & 0xffffU)];
    const Word b = x[first + static_cast<int>(places >> 16U)];
    constexpr int k_columns = static_cast<int>(sizeof(Word) / sizeof(T));
#pragma unroll
    for (int c = 0; c < k_columns; ++c) sum.x[c] = std::fma(even, a.x[c], sum.x[c]);
#pragma unroll
    for (int c = 0; c < k_columns; ++c) sum.x[c] = std::fma(odd, b.x[c], sum.x[c]);
  }

  int slots_;
  int ends_;
  T values_[Registers];
  std::uint32_t places_[Registers / 2];
  DynamicShared<T> extra_values_;
  DynamicShared<std::uint32_t> extra_places_;
};

/// The kernel, as a thread sees it.
template <class T, class Map, bool Cluster, int Registers, int Columns>
class SparseLoop {
  using Word = Pack<T, Columns>;
  using Held = typename Map::Held;
  using Norm = typename Map::Norm;
  using Combine = typename Map::Combine;
  static constexpr int k_barrier = Cluster ? 2 : 1;  // any number above 1 means a cluster

 public:
  __device__ SparseLoop(const FusedSolve<T>& solve, const SparseFactor<T>& P, const Map& map)
      : solve_(solve),
        P_(P),
        map_(map),
        words_(0),
        entries_(words_),
        sums_(words_, P.sums_at),
        held_(words_, P.held_at),
        norms_(words_, P.norms_at),
        begins_(words_, P.levels_at),
        thread_(static_cast<int>(threadIdx.x)),
        block_(static_cast<int>(blockIdx.x) % P.blocks),
        first_(block_ * P.own),
        rows_(block_ < static_cast<int>(solve.X.rows) - (P.own - 1) * P.blocks ? P.own : P.own - 1),
        first_col_(static_cast<int>(blockIdx.x) / P.blocks * Columns) {}

  __device__ void run() {
    load_tile();
    const SparsePart<T, Registers> part(P_, block_);
    cluster_barrier<k_barrier>();
    std::int32_t iteration = 0;
    while (iteration < solve_.max_iterations && running_ != 0) {
      part.multiply(words_, copy(iteration), sums_);
      __syncthreads();
      update(iteration);
      cluster_barrier<k_barrier>();
      decide(iteration++);
    }
    store_tile(iteration);
  }

 private:
  /// Where the x of an iteration begins. In one block nobody reads it while it is written.
  __device__ int copy(std::int32_t iteration) const {
    return Cluster ? iteration % 2 * P_.positions : 0;
  }
  __device__ int lane() const { return thread_ % k_warp; }
  __device__ int norms_of(std::int32_t iteration, int column) const {
    return ((Cluster ? iteration % 2 * 2 * Columns : 0) + column) * shares();
  }
  __device__ int shares() const { return P_.blocks * k_slot_warps; }

  __device__ void load_tile() {
    const bool none = lane() >= Columns;
    column_ = load_column(solve_, none ? solve_.X.cols : index_t{first_col_ + lane()});
    note_running();
    for (int at = thread_; at < P_.positions; at += k_slot_threads) {
      const std::int32_t row = at < P_.blocks * P_.own ? P_.rows[at] : -1;
      Word word = {};
#pragma unroll
      for (int c = 0; c < Columns; ++c) {
        const index_t j = first_col_ + c;
        if (row >= 0 && j < solve_.X.cols && !solve_.from_zero)
          word.x[c] = solve_.X.data[row + j * solve_.X.ld];
      }
      words_[at] = word;
      if (Cluster) words_[at + P_.positions] = word;
    }
    for (int at = thread_; at < rows_; at += k_slot_threads) {
      const std::int32_t row = P_.rows[first_ + at];
#pragma unroll
      for (int c = 0; c < Columns; ++c) {
        const index_t j = first_col_ + c;
        held_[c * P_.own + at] = j < solve_.X.cols ? map_.hold(row, j) : Held{};
      }
    }
    for (int level = thread_; level <= P_.levels; level += k_slot_threads)
      begins_[level] = P_.level_begins[block_ * (P_.levels + 1) + level];
  }

  /// The row at `at`, put together from its segments.
  __device__ Word sum_of_row(int at) const {
    Word sum = {};
    int begin = begins_[0];
#pragma unroll(1)
    for (int level = 0; level < P_.levels; ++level) {
      const int end = begins_[level + 1];
      if (begin + at >= end) break;
      const Word part = sums_[begin + at];
#pragma unroll
      for (int c = 0; c < Columns; ++c) sum.x[c] += part.x[c];
      begin = end;
    }
    return sum;
  }

  __device__ void update(std::int32_t iteration) {
    Norm steps[Columns] = {};
    Norm states[Columns] = {};
#pragma unroll(1)
    for (int at = thread_; at < rows_; at += k_slot_threads) {
      const Word sum = sum_of_row(at);
      Word x = words_[copy(iteration) + first_ + at];
#pragma unroll
      for (int c = 0; c < Columns; ++c) {
        if ((running_ >> c & 1U) == 0) continue;
        const Held held = held_[c * P_.own + at];
        const T next = map_(sum.x[c], held);
        // Never fused with what made `next`: at a fixed point the step is 0.
        steps[c] = Combine{}(steps[c], Map::measure(rounded::add(next, -x.x[c])));
        states[c] = Combine{}(states[c], Map::measure(next));
        x.x[c] = next;
      }
      store_word(copy(iteration + 1) + first_ + at, x);
    }
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      share(norms_of(iteration, c), warp_reduce(steps[c], Combine{}));
      share(norms_of(iteration, Columns + c), warp_reduce(states[c], Combine{}));
    }
  }

  __device__ void store_word(int at, const Word& x) {
    if constexpr (Cluster) {
#pragma unroll(1)
      for (int rank = 0; rank < P_.blocks; ++rank) {
#pragma unroll
        for (int c = 0; c < Columns; ++c) store_in_block(entries_, at * Columns + c, rank, x.x[c]);
      }
    } else {
      words_[at] = x;
    }
  }

  /// A warp's share of a norm, for all blocks.
  __device__ void share(int first, Norm value) {
    const int at = first + block_ * k_slot_warps + thread_ / k_warp;
    if constexpr (Cluster) {
      if (lane() < P_.blocks) store_in_block(norms_, at, lane(), value);
    } else {
      if (lane() == 0) norms_[at] = value;
    }
  }

  /// The warps' shares, put together in the same way by all warps of the cluster.
  __device__ T norm_of(int first) const {
    Norm norm = {};
#pragma unroll(1)
    for (int at = lane(); at < shares(); at += k_warp) {
      const Norm one = norms_[first + at];
      norm = Combine{}(norm, one);
    }
    return Map::value(warp_reduce(norm, Combine{}));
  }

  __device__ void decide(std::int32_t iteration) {
    T step = T(0);
    T state = T(0);
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      const T step_of_column = norm_of(norms_of(iteration, c));
      const T state_of_column = norm_of(norms_of(iteration, Columns + c));
      if (lane() != c) continue;
      step = step_of_column;
      state = state_of_column;
    }
    if (is_running(column_)) {
      column_ = next_column_state(column_, step, state, rule_of(solve_));
      if (block_ == 0 && thread_ < Columns &&
          (!is_running(column_) || iteration + 1 == solve_.max_iterations)) {
        solve_.step_norms.data[first_col_ + lane()] = step;
        solve_.state_norms.data[first_col_ + lane()] = state;
      }
    }
    note_running();
  }

  __device__ void note_running() {
    running_ = __ballot_sync(k_full_warp, is_running(column_) ? 1 : 0);
  }

  __device__ void store_tile(std::int32_t iteration) {
    for (int at = thread_; at < rows_; at += k_slot_threads) {
      const std::int32_t row = P_.rows[first_ + at];
      const Word x = words_[copy(iteration) + first_ + at];
#pragma unroll
      for (int c = 0; c < Columns; ++c) {
        const index_t j = first_col_ + c;
        // A column that never ran gets the bits back that it had.
        if (j < solve_.X.cols) solve_.X.data[row + j * solve_.X.ld] = x.x[c];
      }
    }
    if (block_ == 0 && thread_ < Columns)
      count_stopped(solve_, store_column(solve_, first_col_ + lane(), column_));
  }

  const FusedSolve<T>& solve_;
  const SparseFactor<T>& P_;
  const Map& map_;
  DynamicShared<Word> words_;  // x: [iteration is odd, in clusters][position]
  DynamicShared<T> entries_;   // the same by entries
  DynamicShared<Word> sums_;   // [segment]
  DynamicShared<Held> held_;   // [column][row]
  DynamicShared<Norm> norms_;  // [iteration is odd, in clusters][step, state][column][block][warp]
  DynamicShared<std::int32_t> begins_;
  int thread_;
  int block_;
  int first_;  // position of the block's rows
  int rows_;   // of the block; the last blocks may have one less
  int first_col_;
  ColumnState<T> column_;  // lane c of each warp decides about column c
  unsigned running_;       // bit c: column c runs
};

/// Empty for architectures that have no such clusters: sparse_clusters() keeps it from them.
template <class T, class Map, bool Cluster, int Registers, int Columns>
__global__ void __launch_bounds__(k_slot_threads,
                                  Registers <= few_register_slots<T>(Columns) ? 2 : 1)
    fused_sparse_kernel(FusedSolve<T> solve, SparseFactor<T> P, Map map) {
  if constexpr (k_has_clusters < Cluster ? 2 : 1 >)
    SparseLoop<T, Map, Cluster, Registers, Columns>(solve, P, map).run();
}

template <class T, class Map>
using SparseKernel = void (*)(FusedSolve<T>, SparseFactor<T>, Map);

template <class T, class Map, int Columns>
SparseKernel<T, Map> sparse_kernel_of(const SparseForm& form, int slots) {
  constexpr int k_most = most_register_slots<T>(Columns);
  constexpr int k_few = few_register_slots<T>(Columns);
  if (form.blocks > 1) return fused_sparse_kernel<T, Map, true, k_most, Columns>;
  if constexpr (k_few > 0) {
    if (slots <= k_few) return fused_sparse_kernel<T, Map, false, k_few, Columns>;
  }
  return fused_sparse_kernel<T, Map, false, k_most, Columns>;
}

template <class Map, class T>
SparseKernel<T, Map> sparse_kernel(const SparseForm& form, const SparseFactor<T>& P) {
  if (form.columns == 1) return sparse_kernel_of<T, Map, 1>(form, P.slots);
  if constexpr (sizeof(T) == 4) {
    if (form.columns == 4) return sparse_kernel_of<T, Map, 4>(form, P.slots);
  }
  return sparse_kernel_of<T, Map, 2>(form, P.slots);
}

template <class T>
LaunchShape sparse_launch_shape(const SparseForm& form, const SparseFactor<T>& P, index_t cols) {
  const index_t tiles = (cols + form.columns - 1) / form.columns;
  return {.grid = dim3(static_cast<unsigned>(tiles * form.blocks)),
          .block = dim3(static_cast<unsigned>(k_slot_threads)),
          .shared_bytes = static_cast<std::size_t>(P.shared_bytes),
          .cluster = static_cast<unsigned>(form.blocks)};
}

template <class T, class Map>
void launch_fused_sparse(const FixedPoint<T>& solve, const Map& map, const SparseForm& form,
                         const SparseFactor<T>& P, CUstream_st* stream) {
  if (solve.X.cols == 0) return;
  launch(sparse_kernel<Map>(form, P), sparse_launch_shape(form, P, solve.X.cols), stream,
         fused_solve(solve), P, map);
}

}  // namespace idl::cuda
