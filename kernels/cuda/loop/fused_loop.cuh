// SPDX-License-Identifier: MIT
#pragma once

// The kernel of FusedLoop. With P = A (or Aᵀ), in a block, for its tile of columns x:
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
// Where A is too large for one block's registers, the blocks of a cluster share its rows. Each has
// all of x: owners write new entries, and warps their norms, into the shared memory of all of them,
// and the barrier is the cluster's. The last one comes after the last write to a peer, so that no
// block ends too early.
//
// The sums of a column have the same order in any tile. Reads of A: n² per block or cluster, once.
// Per iteration and column: n² fused multiply-adds, n²/Rows words from shared memory.
#include "kernels/cuda/device/cluster.cuh"
#include "kernels/cuda/device/collectives.cuh"
#include "kernels/cuda/loop/fused_columns.cuh"
#include "kernels/cuda/loop/fused_loop.hpp"
#include "kernels/cuda/loop/fused_product.cuh"
#include "kernels/math/rounded.hpp"

namespace idl::cuda {

/// Where a dense A lies.
template <class T>
struct DenseFactor {
  const T* data;
  index_t ld;
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

/// Both copies of x for the block: its columns, zeros beyond n, so that 0 times them is 0.
template <class Shape, int Columns, class T>
__device__ inline void load_entries(const FusedSolve<T>& solve, index_t first_col,
                                    const DynamicShared<T>& entries) {
  constexpr int k_copy = Columns * Shape::k_column;
  for (int at = static_cast<int>(threadIdx.x); at < k_copy; at += Shape::k_threads) {
    const index_t i = at % Shape::k_column;
    const index_t j = first_col + at / Shape::k_column;
    const bool given = !solve.from_zero && i < solve.X.rows && j < solve.X.cols;
    entries[at] = given ? solve.X.data[i + j * solve.X.ld] : T(0);
    entries[at + k_copy] = T(0);
  }
}

/// Bytes from which on the norms lie in shared memory.
template <class T, class Shape, int Columns>
inline constexpr std::size_t k_norms_at = 2 * sizeof(T) * (Columns * Shape::k_column);

/// `Map` is the update: Map::k_transposed says whether P is Aᵀ, Map::Held is what it keeps of an
/// entry, Map::Norm what norms are added up in, by Map::Combine.
template <class T, class Map, class Shape, int Columns>
__device__ inline void run_loop(const FusedSolve<T>& solve, const DenseFactor<T>& A,
                                const Map& map) {
  using Norm = typename Map::Norm;
  using Word = Pack<T, Shape::k_pack>;
  constexpr typename Map::Combine k_combine{};
  const DynamicShared<T> entries;  // [iteration is odd][column][row]
  const DynamicShared<Word> words(entries);
  // [iteration is odd][step, state][column][block][warp]
  const DynamicShared<Norm> norms(entries, k_norms_at<T, Shape, Columns>);

  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % Shape::k_lanes;
  const int block = static_cast<int>(blockIdx.x % Shape::k_blocks);
  const int first_row = (block * Shape::k_groups + thread / Shape::k_lanes) * Shape::k_rows;
  const index_t n = solve.X.rows;
  const index_t first_col = static_cast<index_t>(blockIdx.x / Shape::k_blocks) * Columns;
  load_entries<Shape, Columns>(solve, first_col, entries);

  const int own = lane / Shape::k_sharers;
  const int row = first_row + own;
  const bool owns = own < Shape::k_rows && row < n;
  const bool speaks = owns && lane % Shape::k_sharers == 0;  // one of those that hold the row
  typename Map::Held held[Columns] = {};
  ColumnState<T> columns[Columns];
#pragma unroll
  for (int c = 0; c < Columns; ++c) {
    const index_t j = first_col + c;
    columns[c] = load_column(solve, j);
    if (owns && j < solve.X.cols) held[c] = map.hold(row, j);
  }
  T p[Shape::k_rows][Shape::k_depth];
  load_part<Map::k_transposed, Shape>(A.data, A.ld, static_cast<int>(n), first_row, lane, p);
  cluster_barrier<Shape::k_blocks>();

  const StoppingRule<T> rule = rule_of(solve.decision);
  T sums[Columns][Shape::k_parts];
  const auto multiply_copy = [&](int odd) {
    multiply<Shape, Columns>(p, words, odd * Columns * Shape::k_words + lane, sums);
  };
  constexpr bool k_ahead = k_looks_ahead<T, Shape, Columns>;
  if constexpr (k_ahead) multiply_copy(0);
  std::int32_t iteration = 0;
  while (iteration < solve.max_iterations && any_runs(columns)) {
    const int odd = iteration % 2;
    if constexpr (!k_ahead) multiply_copy(odd);
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      gather_row<Shape>(sums[c], lane);
      Norm step = Norm(0);
      Norm state = Norm(0);
      // x stays in shared memory, whose copy of the iteration nobody changes.
      T x = owns ? entries[(odd * Columns + c) * Shape::k_column + row] : T(0);
      if (owns && is_running(columns[c])) {
        const T next = map(sums[c][0], held[c]);
        if (speaks) {
          // Never fused with what made `next`: at a fixed point the step is 0.
          step = Map::measure(rounded::add(next, -x));
          state = Map::measure(next);
        }
        x = next;
      }
      const int to = ((1 - odd) * Columns + c) * Shape::k_column + row;
      if (Shape::k_blocks == 1 ? speaks : owns)
        store_everywhere<Shape::k_blocks, Shape::k_sharers>(entries, to, x,
                                                            lane % Shape::k_sharers);
      step = warp_reduce(step, k_combine);
      state = warp_reduce(state, k_combine);
      const int at =
          (odd * 2 * Columns + c) * Shape::k_shares + block * Shape::k_warps + thread / k_warp;
      if (Shape::k_blocks > 1 || thread % k_warp == 0) {
        store_everywhere<Shape::k_blocks, k_warp>(norms, at, step, thread % k_warp);
        store_everywhere<Shape::k_blocks, k_warp>(norms, at + Columns * Shape::k_shares, state,
                                                  thread % k_warp);
      }
    }
    cluster_barrier<Shape::k_blocks>();
    ++iteration;

    // The next product is made while the norms come together; after the last iteration in vain.
    if constexpr (k_ahead) multiply_copy(1 - odd);
    // All columns' norms first, stopped ones' too: their sums wait for each other's reads only. All
    // reads at once would cost several columns too many registers.
    constexpr int k_at_once = Columns == 1 ? Shape::k_shares : 4;
    Norm steps[Columns] = {};
    Norm states[Columns] = {};
#pragma unroll
    for (int c = 0; c < Columns; ++c)
      combine_shares<Shape, k_at_once>(norms, (odd * 2 * Columns + c) * Shape::k_shares,
                                       Columns * Shape::k_shares, k_combine, steps[c], states[c]);
    if constexpr (k_ahead) compute_here<Shape, Columns>(sums);
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      if (!is_running(columns[c])) continue;
      const T step = Map::value(steps[c]);
      const T state = Map::value(states[c]);
      columns[c] = next_column_state(columns[c], step, state, rule);
      // The last norms go where they belong at once: kept to the end they would cost registers.
      if (block == 0 && thread == 0 &&
          (!is_running(columns[c]) || iteration == solve.max_iterations)) {
        solve.step_norms.data[first_col + c] = step;
        solve.state_norms.data[first_col + c] = state;
      }
    }
  }

#pragma unroll
  for (int c = 0; c < Columns; ++c) {
    const index_t j = first_col + c;
    // A column that never ran gets the bits back that it had.
    if (speaks && j < solve.X.cols)
      solve.X.data[row + j * solve.X.ld] =
          entries[(iteration % 2 * Columns + c) * Shape::k_column + row];
  }
  if (block == 0 && thread == 0) {
    int stopped = 0;
#pragma unroll
    for (int c = 0; c < Columns; ++c) stopped += store_column(solve, first_col + c, columns[c]);
    count_stopped(solve, stopped);
  }
}

/// Empty for architectures that have no such clusters: most_clusters() keeps it from them.
template <class T, class Map, class Shape, int Columns>
__global__ void __launch_bounds__(Shape::k_threads)
    fused_loop_kernel(FusedSolve<T> solve, DenseFactor<T> A, Map map) {
  if constexpr (k_has_clusters<Shape::k_blocks>) run_loop<T, Map, Shape, Columns>(solve, A, map);
}

}  // namespace idl::cuda
