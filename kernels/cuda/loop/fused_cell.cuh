// SPDX-License-Identifier: MIT
#pragma once

// The kernel of FusedRecurrence: all steps of a pass over time. In a block, for its tile of
// sequences, with the four parts of P = [A B; C D], or of its transpose, in registers:
//     repeat   z = P_xu u;   d = P_hu u;
//              x <- the fixed point of update(P_xx x, z);    (idl/cuda/fused/iteration.cuh)
//              h <- P_hx x + d;   the next u, with h in it
//
// x and u lie in shared memory, each twice. All parts are shared out among the threads in the same
// way, so that a thread owns a row of the state and a row of h, and keeps both for the whole pass.
// What a step reads from memory is fetched while the step before it iterates. A warm start has the
// product of its x already: it is what the last iteration of the step before has looked ahead for.
//
// A sequence that has not got a step takes none of its iterations and carries h on. Per step and
// sequence, beside the iterations: one product with each of the other three parts.
#include <algorithm>
#include <cmath>

#include "idl/cuda/fused/iteration.cuh"
#include "kernels/cuda/loop/fused_passes.cuh"

namespace idl::cuda {

/// How threads share a cell: XRows rows of the state and HRows of h for each group, XDepth entries
/// of the state and UDepth of u for each lane; `Together` blocks share a multiprocessor.
template <int Groups, int Lanes, int XRows, int HRows, int XDepth, int UDepth, int Pack,
          int Together>
struct CellShape {
  using XX = FusedShape<Groups, Lanes, XRows, XDepth, Pack>;
  using XU = FusedShape<Groups, Lanes, XRows, UDepth, Pack>;
  using HX = FusedShape<Groups, Lanes, HRows, XDepth, Pack>;
  using HU = FusedShape<Groups, Lanes, HRows, UDepth, Pack>;
  static constexpr int k_threads = XX::k_threads;
  static constexpr int k_together = Together;
  static constexpr int k_parts_held = (XRows + HRows) * (XDepth + UDepth);

  /// States, h and u that it has room for.
  static constexpr bool holds(index_t states, index_t hidden, index_t inputs) {
    return states <= XX::k_most_rows && hidden <= Groups * HRows && inputs <= XU::k_column;
  }
};

/// Whether registers suffice for the sums of the next product while columns decide. By the
/// compiler's own count it takes 40 beside P and what it keeps of each column.
template <class T, class Cell, int Columns>
inline constexpr bool k_cell_looks_ahead =
    static_cast<int>(sizeof(T)) / 4 * (Cell::k_parts_held + Columns * (Cell::XX::k_parts + 4)) +
        40 <=
    std::min(255, 65536 / (Cell::k_threads * Cell::k_together));

/// The parts of P, as they lie in memory. Without D the last one has no data.
template <class T>
struct CellFactors {
  DenseFactor<T> A;
  DenseFactor<T> of_u;         ///< B, or C for the transpose
  DenseFactor<T> of_x;         ///< C, or the rows of Bᵀ that belong to h
  DenseFactor<T> of_u_to_h{};  ///< D, or the rows of Dᵀ that belong to h
  int states;
  int hidden;
};

template <class T, class Pass, class Cell, int Columns>
struct CellMemory {
  using Norm = typename Pass::Map::Norm;
  static constexpr std::size_t k_u_at =
      k_norms_at<T, typename Cell::XX, Columns> + k_norms_bytes<Norm, typename Cell::XX, Columns>;
  static constexpr std::size_t k_bytes = k_u_at + 2 * sizeof(T) * Columns * Cell::XU::k_column;
};

/// The kernel, as a thread sees it.
template <class T, class Pass, class Cell, int Columns>
class CellLoop {
  using XX = typename Cell::XX;
  using XU = typename Cell::XU;
  using HX = typename Cell::HX;
  using HU = typename Cell::HU;
  using Map = typename Pass::Map;
  using Held = typename Map::Held;
  using Word = Pack<T, XX::k_pack>;
  static constexpr bool k_ahead = k_cell_looks_ahead<T, Cell, Columns>;
  static constexpr int k_places = Columns * XU::k_column;  ///< of a copy of u
  static constexpr int k_own_places = (k_places + Cell::k_threads - 1) / Cell::k_threads;
  static_assert(CellMemory<T, Pass, Cell, Columns>::k_u_at % sizeof(Word) == 0);

 public:
  __device__ CellLoop(const FusedSolve<T>& solve, const CellFactors<T>& P, const Pass& pass)
      : solve_(solve),
        P_(P),
        pass_(pass),
        u_(memory_.entries, CellMemory<T, Pass, Cell, Columns>::k_u_at),
        u_words_(u_),
        x_seat_(P.states),
        h_seat_(P.hidden),
        rule_(rule_of(solve)),
        first_(static_cast<int>(blockIdx.x) * Columns) {}

  __device__ void run() {
    load_cell();
    load_tile();
    int copy = 0;
    for (int k = 0; k < pass_.times.steps; ++k) copy = take_step(k, copy);
#pragma unroll
    for (int c = 0; c < Columns; ++c)
      if (h_seat_.speaks && is_there(c)) entry(pass_.h, h_seat_.row, first_ + c) = h_[c];
    if (x_seat_.thread == 0) count_stopped(solve_, 0);
  }

 private:
  __device__ bool is_there(int c) const { return first_ + c < pass_.times.sequences; }
  __device__ bool has_step(int c, int t) const { return lengths_[c] > pass_.times.first + t; }
  __device__ int place_of_x(int copy, int c) const {
    return (copy * Columns + c) * XX::k_column + x_seat_.row;
  }
  __device__ int place_of_h(int copy, int c) const {
    return (copy * Columns + c) * XU::k_column + pass_.row_of_h() + h_seat_.row;
  }

  __device__ void load_cell() {
    const int inputs = pass_.rows_of_u();
    constexpr bool k_transposed = Map::k_transposed;
    load_part<k_transposed, XX>(P_.A, P_.states, P_.states, x_seat_.first_row, x_seat_.lane, xx_);
    load_part<k_transposed, XU>(P_.of_u, P_.states, inputs, x_seat_.first_row, x_seat_.lane, xu_);
    load_part<k_transposed, HX>(P_.of_x, P_.hidden, P_.states, h_seat_.first_row, x_seat_.lane,
                                hx_);
    const bool none = P_.of_u_to_h.data == nullptr;
    load_part<k_transposed, HU>(P_.of_u_to_h, none ? 0 : P_.hidden, none ? 0 : inputs,
                                h_seat_.first_row, x_seat_.lane, hu_);
  }

  __device__ void load_tile() {
    for (int at = x_seat_.thread; at < 2 * Columns * XX::k_column; at += Cell::k_threads)
      memory_.entries[at] = T(0);
    for (int at = x_seat_.thread; at < 2 * k_places; at += Cell::k_threads) u_[at] = T(0);
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      lengths_[c] = is_there(c) ? pass_.times.lengths[first_ + c] : 0;
      h_[c] = h_seat_.owns && is_there(c) ? entry(pass_.h, h_seat_.row, first_ + c) : T(0);
    }
    __syncthreads();
    const int t = pass_.time(0);
#pragma unroll
    for (int c = 0; c < Columns; ++c)
      if (x_seat_.speaks && has_step(c, t) && pass_.before.cols > 0)
        memory_.entries[place_of_x(0, c)] = entry(pass_.before, x_seat_.row, first_ + c);
    fetch(t);
    place_input(t, 0);
    __syncthreads();
    if constexpr (k_ahead) multiply_copy<XX, Columns>(xx_, memory_.words, 0, x_seat_.lane, sums_);
  }

  /// Begins to read what step t needs.
  __device__ void fetch(int t) {
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      const bool has = has_step(c, t);
      const int b = first_ + c;
      state_ahead_[c] = has && x_seat_.owns
                            ? pass_.of_state(x_seat_.row, pass_.times.working_column(b, t))
                            : T(0);
      hidden_ahead_[c] = has && h_seat_.owns ? pass_.of_hidden(h_seat_.row, b, t) : T(0);
    }
    if constexpr (Pass::k_streams_u) {
#pragma unroll
      for (int e = 0; e < k_own_places; ++e) {
        const int at = x_seat_.thread + e * Cell::k_threads;
        const int b = first_ + at / XU::k_column;
        input_ahead_[e] = is_input(at) && pass_.times.has_step(b, t)
                              ? pass_.of_input(at % XU::k_column, b, t)
                              : T(0);
      }
    }
  }

  /// Whether a place of a copy of u is that of an input which is not h.
  __device__ bool is_input(int at) const {
    const int i = at % XU::k_column;
    return at < k_places && i < pass_.rows_of_u() &&
           (i < pass_.row_of_h() || i >= pass_.row_of_h() + P_.hidden);
  }

  /// u of step t, where the products find it and in memory.
  __device__ void place_input(int t, int copy) {
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      if (!h_seat_.speaks || !is_there(c)) continue;
      const T value = has_step(c, t) ? pass_.enter(h_[c], hidden_ahead_[c]) : T(0);
      u_[place_of_h(copy, c)] = value;
      pass_.keep_hidden(h_seat_.row, pass_.times.working_column(first_ + c, t), value);
    }
    if constexpr (Pass::k_streams_u) {
#pragma unroll
      for (int e = 0; e < k_own_places; ++e) {
        const int at = x_seat_.thread + e * Cell::k_threads;
        const int b = first_ + at / XU::k_column;
        if (!is_input(at) || b >= pass_.times.sequences) continue;
        u_[copy * k_places + at] = input_ahead_[e];
        if (at % XU::k_column < pass_.row_of_h())
          pass_.keep_input(at % XU::k_column, pass_.times.working_column(b, t), input_ahead_[e]);
      }
    }
  }

  /// The owner's row of P x, for each column of a copy.
  template <class Shape>
  __device__ void product(const T (&p)[Shape::k_rows][Shape::k_depth],
                          const DynamicShared<Word>& words, int copy, T (&rows)[Columns]) const {
    T sums[Columns][Shape::k_parts];
    multiply_copy<Shape, Columns>(p, words, copy, x_seat_.lane, sums);
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      gather_row<Shape>(sums[c], x_seat_.lane);
      rows[c] = sums[c][0];
    }
  }

  /// Step k of the pass, from copy `copy` of x; returns where x is then.
  __device__ int take_step(int k, int copy) {
    const int t = pass_.time(k);
    const bool more = k + 1 < pass_.times.steps;
    T of_u[Columns];
    product<HU>(hu_, u_words_, k % 2, of_u);
    Held held[Columns] = {};
    ColumnState<T> columns[Columns];
    hold_step(t, k % 2, held, columns);
    if (more) fetch(pass_.time(k + 1));
    const index_t first_column = pass_.times.working_column(first_, t);
    copy += iterate<k_ahead>(pass_.map, rule_, solve_.max_iterations, x_seat_, memory_, xx_, held,
                             columns, sums_, copy, [&](int c, T step, T state) {
                               solve_.step_norms.data[first_column + c] = step;
                               solve_.state_norms.data[first_column + c] = state;
                             });
    copy %= 2;
    leave_step(t, copy, of_u, columns);
    if (!pass_.times.warm_start) {
      start_from_zero(1 - copy);
      copy = 1 - copy;
    }
    if (more) place_input(pass_.time(k + 1), (k + 1) % 2);
    __syncthreads();
    return copy;
  }

  /// What the update holds in step t, whose u lies in copy `copy`, and which columns run.
  __device__ void hold_step(int t, int copy, Held (&held)[Columns],
                            ColumnState<T> (&columns)[Columns]) {
    T of_u[Columns];
    product<XU>(xu_, u_words_, copy, of_u);
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      const bool has = has_step(c, t);
      columns[c] = {has ? k_running : k_converged, 0, static_cast<T>(INFINITY), 0};
      if (has && x_seat_.owns) held[c] = pass_.hold(of_u[c], state_ahead_[c]);
      if (x_seat_.speaks && is_there(c))
        pass_.keep_held(x_seat_.row, pass_.times.working_column(first_ + c, t),
                        has ? of_u[c] : T(0));
    }
  }

  /// After the iterations of step t, which have left x in copy `copy`.
  __device__ void leave_step(int t, int copy, const T (&of_u)[Columns],
                             const ColumnState<T> (&columns)[Columns]) {
    T of_x[Columns];
    product<HX>(hx_, memory_.words, copy, of_x);
    const bool has_D = P_.of_u_to_h.data != nullptr;
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      if (!is_there(c)) continue;
      const bool has = has_step(c, t);
      const int b = first_ + c;
      const index_t j = pass_.times.working_column(b, t);
      if (has) h_[c] = pass_.leave(of_x[c], has_D ? of_u[c] : T(0), t);
      if (h_seat_.speaks) pass_.keep_output(h_seat_.row, b, t, has ? h_[c] : T(0));
      if (x_seat_.speaks)
        entry(solve_.X, x_seat_.row, j) = has ? T(memory_.entries[place_of_x(copy, c)]) : T(0);
      if (x_seat_.thread != c % Cell::k_threads) continue;
      store_column(solve_, j, columns[c]);
      if (has) continue;
      solve_.step_norms.data[j] = T(0);
      solve_.state_norms.data[j] = T(0);
    }
  }

  /// Nobody reads that copy of x.
  __device__ void start_from_zero(int copy) {
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      if (x_seat_.speaks) memory_.entries[place_of_x(copy, c)] = T(0);
#pragma unroll
      for (int r = 0; r < XX::k_parts; ++r) sums_[c][r] = T(0);
    }
  }

  const FusedSolve<T>& solve_;
  const CellFactors<T>& P_;
  const Pass& pass_;
  FusedMemory<T, typename Map::Norm, XX, Columns> memory_{};
  DynamicShared<T> u_;  // [copy][column][row of u]
  DynamicShared<Word> u_words_;
  FusedSeat<XX> x_seat_;
  FusedSeat<HX> h_seat_;
  StoppingRule<T> rule_;
  int first_;  // sequence of the tile
  int lengths_[Columns];
  T h_[Columns];  // of the owner's row
  T state_ahead_[Columns];
  T hidden_ahead_[Columns];
  T input_ahead_[k_own_places];
  T sums_[Columns][XX::k_parts];
  T xx_[XX::k_rows][XX::k_depth];
  T xu_[XU::k_rows][XU::k_depth];
  T hx_[HX::k_rows][HX::k_depth];
  T hu_[HU::k_rows][HU::k_depth];
};

template <class T, class Pass, class Cell, int Columns>
__global__ void __launch_bounds__(Cell::k_threads, Cell::k_together)
    fused_cell_kernel(FusedSolve<T> solve, CellFactors<T> P, Pass pass) {
  CellLoop<T, Pass, Cell, Columns>(solve, P, pass).run();
}

}  // namespace idl::cuda
