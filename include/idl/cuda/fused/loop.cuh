// SPDX-License-Identifier: MIT
#pragma once

// The kernel for whole solves with a dense A: the iteration of iteration.cuh from where the columns
// are to where all of a tile have stopped. Reads of A: n² per block or cluster, once.
#include "idl/cuda/fused/iteration.cuh"

namespace idl::cuda {

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

/// `Map` is the update: Map::k_transposed says whether P is Aᵀ, Map::Held is what it keeps of an
/// entry, Map::Norm what norms are added up in, by Map::Combine.
template <class T, class Map, class Shape, int Columns>
__device__ inline void run_loop(const FusedSolve<T>& solve, const DenseFactor<T>& A,
                                const Map& map) {
  const FusedMemory<T, typename Map::Norm, Shape, Columns> memory;
  const index_t n = solve.X.rows;
  const index_t first_col = static_cast<index_t>(blockIdx.x / Shape::k_blocks) * Columns;
  load_entries<Shape, Columns>(solve, first_col, memory.entries);

  const FusedSeat<Shape> seat(n);
  typename Map::Held held[Columns] = {};
  ColumnState<T> columns[Columns];
#pragma unroll
  for (int c = 0; c < Columns; ++c) {
    const index_t j = first_col + c;
    columns[c] = load_column(solve, j);
    if (seat.owns && j < solve.X.cols) held[c] = map.hold(seat.row, j);
  }
  T p[Shape::k_rows][Shape::k_depth];
  const int size = static_cast<int>(n);
  load_part<Map::k_transposed, Shape>(A, size, size, seat.first_row, seat.lane, p);
  cluster_barrier<Shape::k_blocks>();

  const StoppingRule<T> rule = rule_of(solve);
  T sums[Columns][Shape::k_parts];
  constexpr bool k_ahead = k_looks_ahead<T, Shape, Columns>;
  if constexpr (k_ahead) multiply_copy<Shape, Columns>(p, memory.words, 0, seat.lane, sums);
  const std::int32_t iterations =
      iterate<k_ahead>(map, rule, solve.max_iterations, seat, memory, p, held, columns, sums, 0,
                       [&](int c, T step, T state) {
                         solve.step_norms.data[first_col + c] = step;
                         solve.state_norms.data[first_col + c] = state;
                       });

#pragma unroll
  for (int c = 0; c < Columns; ++c) {
    const index_t j = first_col + c;
    // A column that never ran gets the bits back that it had.
    if (seat.speaks && j < solve.X.cols)
      solve.X.data[seat.row + j * solve.X.ld] =
          memory.entries[(iterations % 2 * Columns + c) * Shape::k_column + seat.row];
  }
  if (seat.block == 0 && seat.thread == 0) {
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
