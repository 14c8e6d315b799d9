// SPDX-License-Identifier: MIT
#pragma once

// The iteration of kernels that keep P = A (or Aᵀ) in registers, for a tile of columns x:
//     repeat   s = P x;   x <- update(s, what the update holds);   each column's decision
//
// A group of `Lanes` threads has `Rows` rows of P, every thread of it `Depth` entries of each of
// these rows in registers. x lies in shared memory, twice: one is read while the other is written.
// A thread reads packs of x, adds up its part of the rows, and the group exchanges parts until each
// row is whole in one thread (two or more hold the same), its owner. The owner keeps what the
// update needs of its row, computes the new entry and its share of the norms. One barrier per
// iteration; then every thread takes the same decisions from the warps' norms, and meanwhile goes
// on to the next product.
//
// Where P is too large for one block's registers, the blocks of a cluster share its rows. Each has
// all of x: owners write new entries, and warps their norms, into the shared memory of all of them,
// and the barrier is the cluster's. The last one comes after the last write to a peer, so that no
// block ends too early.
//
// The sums of a column have the same order in any tile. Per iteration and column: n² fused
// multiply-adds, n²/Rows words from shared memory.
#include "idl/cuda/device/cluster.cuh"
#include "idl/cuda/device/collectives.cuh"
#include "idl/cuda/fused/columns.cuh"
#include "idl/cuda/fused/product.cuh"
#include "idl/detail/rounded.hpp"

namespace idl::cuda {

/// A thread's part of P and the row that it owns.
template <class Shape>
struct FusedSeat {
  int thread;
  int lane;
  int block;
  int first_row;
  int row;
  bool owns;
  bool speaks;  ///< one of those that own the row

  __device__ explicit FusedSeat(index_t n)
      : thread(static_cast<int>(threadIdx.x)),
        lane(thread % Shape::k_lanes),
        block(static_cast<int>(blockIdx.x % Shape::k_blocks)),
        first_row((block * Shape::k_groups + thread / Shape::k_lanes) * Shape::k_rows) {
    const int own = lane / Shape::k_sharers;
    row = first_row + own;
    owns = own < Shape::k_rows && row < n;
    speaks = owns && lane % Shape::k_sharers == 0;
  }
};

/// Bytes from which on the norms lie in shared memory.
template <class T, class Shape, int Columns>
inline constexpr std::size_t k_norms_at = 2 * sizeof(T) * (Columns * Shape::k_column);
template <class Norm, class Shape, int Columns>
inline constexpr std::size_t k_norms_bytes = sizeof(Norm) * 2 * 2 * Columns* Shape::k_shares;

/// What the iteration has in shared memory.
template <class T, class Norm, class Shape, int Columns>
struct FusedMemory {
  DynamicShared<T> entries{};  ///< [copy][column][row]
  DynamicShared<Pack<T, Shape::k_pack>> words{entries};
  /// [copy][step, state][column][block][warp]
  DynamicShared<Norm> norms{entries, k_norms_at<T, Shape, Columns>};
};

/// to[index] <- value in all blocks of the cluster, by `Writers` threads that hold the same value
/// and share the blocks out; by one thread where there is one block.
template <int Blocks, int Writers, class V>
__device__ inline void store_everywhere(const DynamicShared<V>& to, int index, V value,
                                        int writer) {
  if constexpr (Blocks == 1) {
    to[index] = value;
  } else {
#pragma unroll
    for (int first = 0; first < Blocks; first += Writers) {
      if (first + writer < Blocks) store_in_block(to, index, first + writer, value);
    }
  }
}

/// The warps' shares of two norms, put together in the same way by all warps of the cluster; the
/// second's lie `apart` after the first's. Reads of `AtOnce` shares are under way together.
template <class Shape, int AtOnce, class Norm, class Op>
__device__ inline void combine_shares(const DynamicShared<Norm>& shares, int first, int apart,
                                      Op op, Norm& step, Norm& state) {
  constexpr bool k_alone = Shape::k_blocks == 1;
  constexpr int k_stride = k_alone ? 1 : k_warp;
  const int start = k_alone ? 0 : static_cast<int>(threadIdx.x) % k_warp;
#pragma unroll(AtOnce)
  for (int more = 0; more < Shape::k_shares; more += k_stride) {
    if (more + k_stride > Shape::k_shares && start + more >= Shape::k_shares) break;
    const Norm step_share = shares[first + start + more];
    const Norm state_share = shares[first + start + more + apart];
    step = op(step, step_share);
    state = op(state, state_share);
  }
  if constexpr (!k_alone) {
    step = warp_reduce(step, op);
    state = warp_reduce(state, op);
  }
}

/// x <- update(s) for column c where it runs, from copy `odd` of x to the other one, and the warp's
/// shares of its norms; s is this thread's part of the sums.
template <class Shape, int Columns, class Map, class T, class Norm>
__device__ inline void advance_column(const Map& map, const FusedSeat<Shape>& seat,
                                      const FusedMemory<T, Norm, Shape, Columns>& memory, int odd,
                                      int c, bool runs, T (&s)[Shape::k_parts],
                                      const typename Map::Held& held) {
  constexpr typename Map::Combine k_combine{};
  gather_row<Shape>(s, seat.lane);
  Norm step = Norm(0);
  Norm state = Norm(0);
  // x stays in shared memory, whose copy of the iteration nobody changes.
  T x = seat.owns ? memory.entries[(odd * Columns + c) * Shape::k_column + seat.row] : T(0);
  if (seat.owns && runs) {
    const T next = map(s[0], held);
    if (seat.speaks) {
      // Never fused with what made `next`: at a fixed point the step is 0.
      step = Map::measure(rounded::add(next, -x));
      state = Map::measure(next);
    }
    x = next;
  }
  const int to = ((1 - odd) * Columns + c) * Shape::k_column + seat.row;
  if (Shape::k_blocks == 1 ? seat.speaks : seat.owns)
    store_everywhere<Shape::k_blocks, Shape::k_sharers>(memory.entries, to, x,
                                                        seat.lane % Shape::k_sharers);
  step = warp_reduce(step, k_combine);
  state = warp_reduce(state, k_combine);
  const int at = (odd * 2 * Columns + c) * Shape::k_shares + seat.block * Shape::k_warps +
                 seat.thread / k_warp;
  if (Shape::k_blocks > 1 || seat.thread % k_warp == 0) {
    store_everywhere<Shape::k_blocks, k_warp>(memory.norms, at, step, seat.thread % k_warp);
    store_everywhere<Shape::k_blocks, k_warp>(memory.norms, at + Columns * Shape::k_shares, state,
                                              seat.thread % k_warp);
  }
}

/// Iterates from copy `first` of x while a column runs, at most `max_iterations` times; returns how
/// often. x is then in copy (first + that) % 2. With `Ahead` the product of an x is made while its
/// columns decide: `sums` is this thread's part of the product of the first x before, of the last
/// one after it. record(c, step, state) takes a column's last norms, in one thread.
template <bool Ahead, class Shape, int Columns, class Map, class T, class Norm, class Record>
__device__ inline std::int32_t iterate(const Map& map, const StoppingRule<T>& rule,
                                       std::int32_t max_iterations, const FusedSeat<Shape>& seat,
                                       const FusedMemory<T, Norm, Shape, Columns>& memory,
                                       const T (&p)[Shape::k_rows][Shape::k_depth],
                                       const typename Map::Held (&held)[Columns],
                                       ColumnState<T> (&columns)[Columns],
                                       T (&sums)[Columns][Shape::k_parts], int first,
                                       const Record& record) {
  constexpr typename Map::Combine k_combine{};
  std::int32_t iteration = 0;
  while (iteration < max_iterations && any_runs(columns)) {
    const int odd = (first + iteration) % 2;
    if constexpr (!Ahead) multiply_copy<Shape, Columns>(p, memory.words, odd, seat.lane, sums);
#pragma unroll
    for (int c = 0; c < Columns; ++c)
      advance_column(map, seat, memory, odd, c, is_running(columns[c]), sums[c], held[c]);
    cluster_barrier<Shape::k_blocks>();
    ++iteration;

    // The next product is made while the norms come together.
    if constexpr (Ahead) multiply_copy<Shape, Columns>(p, memory.words, 1 - odd, seat.lane, sums);
    // All columns' norms first, stopped ones' too: their sums wait for each other's reads only. All
    // reads at once would cost several columns too many registers.
    constexpr int k_at_once = Columns == 1 ? Shape::k_shares : 4;
    Norm steps[Columns] = {};
    Norm states[Columns] = {};
#pragma unroll
    for (int c = 0; c < Columns; ++c)
      combine_shares<Shape, k_at_once>(memory.norms, (odd * 2 * Columns + c) * Shape::k_shares,
                                       Columns * Shape::k_shares, k_combine, steps[c], states[c]);
    if constexpr (Ahead) compute_here<Shape, Columns>(sums);
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      if (!is_running(columns[c])) continue;
      const T step = Map::value(steps[c]);
      const T state = Map::value(states[c]);
      columns[c] = next_column_state(columns[c], step, state, rule);
      // The last norms go where they belong at once: kept to the end they would cost registers.
      if (seat.block == 0 && seat.thread == 0 &&
          (!is_running(columns[c]) || iteration == max_iterations))
        record(c, step, state);
    }
  }
  return iteration;
}

}  // namespace idl::cuda
