// SPDX-License-Identifier: MIT
#pragma once

// The kernel behind FusedLoop. With P = A (or Aᵀ), in a block, for its tile of columns x:
//     repeat   s = P x;   x <- update(s, what the update holds);   each column's decision
//
// A group of `Lanes` threads has `Rows` rows of P, every thread of it `Depth` entries of each of
// these rows in registers. x lies in shared memory, twice: one is read while the other is written.
// A thread reads packs of x, adds up its part of the rows, and the group exchanges parts until each
// row is whole in one thread (two or more hold the same), its owner. The owner keeps what the
// update needs of its row, computes the new entry and its share of the norms. One barrier per
// iteration; then every thread takes the same decisions from the warps' norms.
//
// The sums of a column have the same order in any tile. Reads of A: n² per block, once. Per
// iteration and column: n² fused multiply-adds, n²/Rows words from shared memory.
#include <cmath>

#include "idl/solver.hpp"
#include "kernels/cuda/collectives.cuh"
#include "kernels/cuda/fused_loop.hpp"
#include "kernels/cuda/pack.cuh"
#include "kernels/math/column_status.hpp"

namespace idl::cuda {

/// How threads share P. Every group has Rows rows; n <= min(Groups·Rows, Lanes·Depth).
template <int Groups_, int Lanes_, int Rows_, int Depth_, int Pack_>
struct FusedShape {
  static constexpr int k_groups = Groups_;
  static constexpr int k_lanes = Lanes_;
  static constexpr int k_rows = Rows_;
  static constexpr int k_depth = Depth_;
  static constexpr int k_pack = Pack_;
  static constexpr int k_threads = Groups_ * Lanes_;
  static constexpr int k_warps = k_threads / k_warp;
  static constexpr int k_column = Lanes_ * Depth_;  ///< entries of a column in shared memory
  static constexpr int k_parts = Rows_ <= 2 ? 2 : Rows_ <= 4 ? 4 : 8;  ///< power of 2 >= k_rows
  static constexpr int k_sharers = Lanes_ / k_parts;  ///< threads that end up with the same row
  static_assert(Depth_ % Pack_ == 0 && k_parts <= Lanes_ && Rows_ <= 8);
};

/// What is the same for both loops.
template <class T>
struct FusedSolve {
  const T* P;
  index_t row_stride;
  index_t col_stride;
  MatrixView<T> X;
  VectorView<T> step_norms;
  VectorView<T> state_norms;
  UpdateStatus<T> decision;
  std::int32_t max_iterations;
};

/// values[0] <- the sum, over the lanes of the group, of the values that belong to this lane's row.
/// The tree of additions is the same for every row.
template <class Shape, class T>
__device__ inline void gather_row(T (&values)[Shape::k_parts], int lane) {
  int count = Shape::k_parts;
#pragma unroll
  for (int mask = Shape::k_lanes / 2; mask > 0; mask /= 2) {
    if (count > 1) {
      const int half = count / 2;
      const bool upper = (lane & mask) != 0;
#pragma unroll
      for (int h = 0; h < Shape::k_parts / 2; ++h) {
        if (h < half) {
          const T keep = upper ? values[h + half] : values[h];
          const T give = upper ? values[h] : values[h + half];
          values[h] = keep + __shfl_xor_sync(k_full_warp, give, mask);
        }
      }
      count = half;
    } else {
      values[0] += __shfl_xor_sync(k_full_warp, values[0], mask);
    }
  }
}

/// One column's state and norms, the same in all threads of the block.
template <class T>
struct FusedColumn {
  ColumnState<T> state;
  T step;
  T norm;
  bool applied;

  __device__ bool running() const {
    return state.status == static_cast<std::uint8_t>(SolveStatus::running);
  }
};

template <class T>
__device__ inline FusedColumn<T> load_column(const FusedSolve<T>& solve, index_t j) {
  const ColumnStatus<T>& columns = solve.decision.columns;
  FusedColumn<T> column = {};
  column.state.status = static_cast<std::uint8_t>(SolveStatus::converged);
  if (j < solve.X.cols)
    column.state = {columns.status.data[j], columns.iterations.data[j], columns.best_steps.data[j],
                    columns.stalled.data[j]};
  return column;
}

/// By one thread: what is left of the column's state for others to read.
template <class T>
__device__ inline int store_column(const FusedSolve<T>& solve, index_t j,
                                   const FusedColumn<T>& column) {
  if (!column.applied) return 0;
  const ColumnStatus<T>& columns = solve.decision.columns;
  columns.status.data[j] = column.state.status;
  columns.iterations.data[j] = column.state.iterations;
  columns.best_steps.data[j] = column.state.best_step;
  columns.stalled.data[j] = column.state.stalled;
  solve.step_norms.data[j] = column.step;
  solve.state_norms.data[j] = column.norm;
  return column.running() ? 0 : 1;
}

template <class T>
__device__ inline StoppingRule<T> rule_of(const UpdateStatus<T>& decision) {
  const T contraction = decision.contraction.size > 0 ? decision.contraction.data[0] : T(0);
  return {step_factor(decision.certified, contraction), decision.absolute, decision.relative,
          decision.rounding, decision.max_iterations};
}

/// `Map` is the update: Map::Held is what it keeps of an entry, Map::Norm what norms are added up
/// in, by Map::Combine.
template <class T, class Map, class Shape, int Columns>
__global__ void __launch_bounds__(Shape::k_threads)
    fused_loop_kernel(FusedSolve<T> solve, Map map) {
  using Norm = typename Map::Norm;
  using Word = Pack<T, Shape::k_pack>;
  constexpr typename Map::Combine k_combine{};
  constexpr int k_words = Shape::k_column / Shape::k_pack;
  // [iteration is odd][step, state][column][warp]
  __shared__ SharedArray<Norm, 2 * 2 * Columns * Shape::k_warps> norms;
  const DynamicShared<T> entries;  // [iteration is odd][column][row]
  const DynamicShared<Word> words;

  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % Shape::k_lanes;
  const int first_row = thread / Shape::k_lanes * Shape::k_rows;
  const index_t n = solve.X.rows;
  const index_t first_col = static_cast<index_t>(blockIdx.x) * Columns;

  T p[Shape::k_rows][Shape::k_depth];
#pragma unroll
  for (int r = 0; r < Shape::k_rows; ++r) {
#pragma unroll
    for (int d = 0; d < Shape::k_depth; ++d) {
      const index_t i = first_row + r;
      const index_t k =
          (d / Shape::k_pack * Shape::k_lanes + lane) * Shape::k_pack + d % Shape::k_pack;
      p[r][d] = i < n && k < n ? solve.P[i * solve.row_stride + k * solve.col_stride] : T(0);
    }
  }

  const int own = lane / Shape::k_sharers;
  const index_t row = first_row + own;
  const bool owns = own < Shape::k_rows && row < n;
  const bool speaks = owns && lane % Shape::k_sharers == 0;  // one of those that hold the row
  T x[Columns];
  typename Map::Held held[Columns] = {};
  FusedColumn<T> columns[Columns];
  for (int at = thread; at < 2 * Columns * Shape::k_column; at += Shape::k_threads)
    entries[at] = T(0);
  __syncthreads();
#pragma unroll
  for (int c = 0; c < Columns; ++c) {
    const index_t j = first_col + c;
    columns[c] = load_column(solve, j);
    x[c] = T(0);
    if (owns && j < solve.X.cols) {
      x[c] = solve.X.data[row + j * solve.X.ld];
      held[c] = map.hold(row, j);
      if (speaks) entries[c * Shape::k_column + static_cast<int>(row)] = x[c];
    }
  }
  __syncthreads();

  const StoppingRule<T> rule = rule_of(solve.decision);
  for (std::int32_t iteration = 0; iteration < solve.max_iterations; ++iteration) {
    bool running = false;
#pragma unroll
    for (int c = 0; c < Columns; ++c) running = running || columns[c].running();
    if (!running) break;

    const int odd = iteration % 2;
    T sums[Columns][Shape::k_parts] = {};
#pragma unroll
    for (int q = 0; q < Shape::k_depth / Shape::k_pack; ++q) {
#pragma unroll
      for (int c = 0; c < Columns; ++c) {
        const Word word = words[(odd * Columns + c) * k_words + q * Shape::k_lanes + lane];
#pragma unroll
        for (int e = 0; e < Shape::k_pack; ++e) {
#pragma unroll
          for (int r = 0; r < Shape::k_rows; ++r)
            sums[c][r] = std::fma(p[r][q * Shape::k_pack + e], word.x[e], sums[c][r]);
        }
      }
    }

#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      gather_row<Shape>(sums[c], lane);
      Norm step = Norm(0);
      Norm state = Norm(0);
      if (owns && columns[c].running()) {
        const T next = map(sums[c][0], held[c]);
        if (speaks) {
          step = Map::measure(next - x[c]);
          state = Map::measure(next);
        }
        x[c] = next;
      }
      if (speaks)
        entries[((1 - odd) * Columns + c) * Shape::k_column + static_cast<int>(row)] = x[c];
      step = warp_reduce(step, k_combine);
      state = warp_reduce(state, k_combine);
      if (thread % k_warp == 0) {
        const int at = (odd * 2 * Columns + c) * Shape::k_warps + thread / k_warp;
        norms[at] = step;
        norms[at + Columns * Shape::k_warps] = state;
      }
    }
    __syncthreads();

#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      if (!columns[c].running()) continue;
      Norm step = Norm(0);
      Norm state = Norm(0);
      for (int warp = 0; warp < Shape::k_warps; ++warp) {
        const int at = (odd * 2 * Columns + c) * Shape::k_warps + warp;
        const Norm warp_step = norms[at];
        const Norm warp_state = norms[at + Columns * Shape::k_warps];
        step = k_combine(step, warp_step);
        state = k_combine(state, warp_state);
      }
      columns[c].step = Map::value(step);
      columns[c].norm = Map::value(state);
      columns[c].applied = true;
      columns[c].state =
          next_column_state(columns[c].state, columns[c].step, columns[c].norm, rule);
    }
  }

#pragma unroll
  for (int c = 0; c < Columns; ++c) {
    const index_t j = first_col + c;
    if (speaks && columns[c].applied) solve.X.data[row + j * solve.X.ld] = x[c];
  }
  if (thread == 0) {
    int stopped = 0;
#pragma unroll
    for (int c = 0; c < Columns; ++c) stopped += store_column(solve, first_col + c, columns[c]);
    if (stopped > 0) atomicSub(solve.decision.columns.active.data, stopped);
  }
}

template <class Shape, int Columns, class T, class Map>
void launch_fused(const FusedSolve<T>& solve, const Map& map, CUstream_st* stream) {
  const LaunchShape shape = {
      .grid = dim3(static_cast<unsigned>((solve.X.cols + Columns - 1) / Columns)),
      .block = dim3(static_cast<unsigned>(Shape::k_threads)),
      .shared_bytes = sizeof(T) * 2 * Columns * Shape::k_column};
  launch(fused_loop_kernel<T, Map, Shape, Columns>, shape, stream, solve, map);
}

/// As few columns per block as keep the device busy: then each stops by itself, and a block's
/// iteration is shortest. `Wide` is the most for which the registers suffice.
template <class Shape, int Wide, class T, class Map>
void choose_columns(const FusedSolve<T>& solve, const Map& map, int multiprocessors,
                    CUstream_st* stream) {
  solve.X.cols <= index_t{2} * multiprocessors ? launch_fused<Shape, 1>(solve, map, stream)
                                               : launch_fused<Shape, Wide>(solve, map, stream);
}

/// The smallest shape that holds n. The registers of P: 32, 64, 72, 91.
template <class Map>
void choose_shape(const FusedSolve<float>& solve, const Map& map, int multiprocessors,
                  CUstream_st* stream) {
  const index_t n = solve.X.rows;
  if (n <= 64) {
    choose_columns<FusedShape<16, 8, 4, 8, 4>, 4>(solve, map, multiprocessors, stream);
  } else if (n <= 128) {
    choose_columns<FusedShape<32, 8, 4, 16, 4>, 2>(solve, map, multiprocessors, stream);
  } else if (n <= 192) {
    choose_columns<FusedShape<64, 8, 3, 24, 4>, 2>(solve, map, multiprocessors, stream);
  } else {
    choose_columns<FusedShape<32, 16, 7, 13, 1>, 1>(solve, map, multiprocessors, stream);
  }
}

/// The registers of P: 32, 64, 90.
template <class Map>
void choose_shape(const FusedSolve<double>& solve, const Map& map, int multiprocessors,
                  CUstream_st* stream) {
  const index_t n = solve.X.rows;
  if (n <= 64) {
    choose_columns<FusedShape<32, 8, 2, 8, 2>, 4>(solve, map, multiprocessors, stream);
  } else if (n <= 128) {
    choose_columns<FusedShape<64, 8, 2, 16, 2>, 1>(solve, map, multiprocessors, stream);
  } else {
    choose_columns<FusedShape<32, 16, 5, 9, 1>, 1>(solve, map, multiprocessors, stream);
  }
}

}  // namespace idl::cuda
