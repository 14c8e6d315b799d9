// SPDX-License-Identifier: MIT
#pragma once

// What the kernels that run a whole solve have in common: the states of their columns.
#include <cmath>

#include "idl/cuda/launch.cuh"
#include "idl/detail/column_status.hpp"
#include "idl/matrix.hpp"

namespace idl::cuda {

/// What is the same for all of these kernels: the state X, n×m, with what is known of its columns,
/// and when one stops. With κ = contraction[0] (1 element; optional) a column stops as
/// next_column_state() says.
template <class T>
struct FusedSolve {
  MatrixView<T> X;
  VectorView<T> step_norms;
  VectorView<T> state_norms;
  ColumnStatus<T> columns;
  VectorView<const T> contraction;
  T absolute;
  T relative;
  T rounding;
  bool certified;
  std::int32_t max_iterations;
  bool from_zero;  ///< X = 0 and all columns running, whatever is there
};

template <class T>
__device__ inline bool is_running(const ColumnState<T>& column) {
  return column.status == k_running;
}

/// Where column j begins, the same in all threads of the block; stopped beyond the last one.
template <class T>
__device__ inline ColumnState<T> load_column(const FusedSolve<T>& solve, index_t j) {
  const ColumnStatus<T>& columns = solve.columns;
  if (j >= solve.X.cols) return {k_converged, 0, T(0), 0};
  if (solve.from_zero) return {k_running, 0, static_cast<T>(INFINITY), 0};
  return {columns.status.data[j], columns.iterations.data[j], columns.best_steps.data[j],
          columns.stalled.data[j]};
}

/// By one thread, at the end: what is left of the column's state for others to read. Returns how
/// many columns have stopped, none or one.
template <class T>
__device__ inline int store_column(const FusedSolve<T>& solve, index_t j,
                                   const ColumnState<T>& column) {
  const ColumnStatus<T>& columns = solve.columns;
  if (j >= solve.X.cols) return 0;
  if (!solve.from_zero && !is_running(load_column(solve, j))) return 0;
  columns.status.data[j] = column.status;
  columns.iterations.data[j] = column.iterations;
  columns.best_steps.data[j] = column.best_step;
  columns.stalled.data[j] = column.stalled;
  if (solve.from_zero) {
    if (columns.fallbacks.size > 0) columns.fallbacks.data[j] = 0;
    if (columns.low_iterations.size > 0) columns.low_iterations.data[j] = 0;
  }
  return is_running(column) ? 0 : 1;
}

/// By one thread of the cluster, at the end.
template <class T>
__device__ inline void count_stopped(const FusedSolve<T>& solve, int stopped) {
  if (solve.from_zero) {
    // Every column ends here, and nobody has counted them before.
    if (blockIdx.x == 0) solve.columns.active.data[0] = 0;
  } else if (stopped > 0) {
    atomicSub(solve.columns.active.data, stopped);
  }
}

template <class T, int Columns>
__device__ inline bool any_runs(const ColumnState<T> (&columns)[Columns]) {
  bool running = false;
#pragma unroll
  for (int c = 0; c < Columns; ++c) running = running || is_running(columns[c]);
  return running;
}

template <class T>
__device__ inline StoppingRule<T> rule_of(const FusedSolve<T>& solve) {
  const T contraction = solve.contraction.size > 0 ? solve.contraction.data[0] : T(0);
  return {step_factor(solve.certified, contraction), solve.absolute, solve.relative, solve.rounding,
          solve.max_iterations};
}

}  // namespace idl::cuda
