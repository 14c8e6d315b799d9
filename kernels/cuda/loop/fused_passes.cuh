// SPDX-License-Identifier: MIT
#pragma once

// The two passes over time of fused_cell.cuh's kernel: what a step reads, holds and leaves, forward
// (x the state X_t, u the input of the cell, h the hidden state) and backward (x the adjoint V_t, u
// = g_t, h the gradient that flows to the step before).
#include "kernels/cuda/loop/fused_maps.cuh"
#include "kernels/recurrence.hpp"

namespace idl::cuda {

/// The steps and sequences of a pass.
struct PassTimes {
  const std::int32_t* lengths;
  int sequences;
  int first;  ///< step of the sequences with which the description begins
  int steps;
  bool warm_start;  ///< a step begins where its neighbour has ended, else at zero

  /// Whether sequence b has step t of the description.
  __device__ bool has_step(int b, int t) const { return b < sequences && lengths[b] > first + t; }
  __device__ index_t working_column(int b, int t) const {
    return static_cast<index_t>(t) * sequences + b;
  }
  /// Of a caller's matrix with so many columns.
  __device__ index_t callers_column(int b, int t, index_t columns) const {
    return b * (columns / sequences) + first + t;
  }
};

/// What sits at (i, j) of a view.
template <class View>
__device__ inline auto& entry(const View& view, index_t i, index_t j) {
  return view.data[i + j * view.ld];
}

/// z_t = B u_t;  X_t from φ(A X_t + z_t);  h <- C X_t + D u_t.
template <class T>
struct CellForward {
  using Map = FusedPicard<T>;
  /// Whether u has rows that are not h: those of x_t before it, and after it what is in U already.
  static constexpr bool k_streams_u = true;

  Map map;
  PassTimes times;
  ConstMatrixView<T> before;  ///< where the first step begins
  ConstMatrixView<T> x;
  MatrixView<T> U;
  MatrixView<T> Z;
  MatrixView<T> H;
  MatrixView<T> h;

  __device__ int time(int k) const { return k; }
  __device__ int row_of_h() const { return static_cast<int>(x.rows); }
  __device__ int rows_of_u() const { return static_cast<int>(U.rows); }

  /// What the step will need of row i of the state, of u and of h, read beforehand.
  __device__ T of_state(int, index_t) const { return T(0); }
  __device__ T of_input(int i, int b, int t) const {
    if (i < x.rows) return entry(x, i, times.callers_column(b, t, x.cols));
    return entry(U, i, times.working_column(b, t));
  }
  __device__ T of_hidden(int, int, int) const { return T(0); }

  /// h as it enters the step.
  __device__ T enter(T carried, T) const { return carried; }
  __device__ void keep_input(int i, index_t j, T value) const { entry(U, i, j) = value; }
  __device__ void keep_hidden(int i, index_t j, T value) const {
    entry(U, row_of_h() + i, j) = value;
  }
  __device__ T hold(T z, T) const { return z; }
  __device__ void keep_held(int i, index_t j, T z) const { entry(Z, i, j) = z; }
  /// h as it leaves the step.
  __device__ T leave(T of_state, T of_u, int) const { return of_state + of_u; }
  __device__ void keep_output(int i, int b, int t, T value) const {
    if (H.cols > 0) entry(H, i, times.callers_column(b, t, H.cols)) = value;
  }
};

/// g_t = dH_t + dh;  V_t from Ψ_t∘(AᵀV_t + Cᵀg_t);  dh <- B_hᵀV_t + D_hᵀg_t.
template <class T>
struct CellBackward {
  using Map = FusedAdjoint<T>;
  static constexpr bool k_streams_u = false;

  Map map;
  PassTimes times;
  ConstMatrixView<T> before;  ///< where the last step begins
  ConstMatrixView<T> S;       ///< AX
  ConstMatrixView<T> Z;
  ConstMatrixView<T> dH;
  MatrixView<T> g;
  MatrixView<T> h;
  int truncate;

  __device__ int time(int k) const { return times.steps - 1 - k; }
  __device__ int row_of_h() const { return 0; }
  __device__ int rows_of_u() const { return static_cast<int>(g.rows); }

  /// Ψ_t.
  __device__ T of_state(int i, index_t j) const {
    return activation_derivative(map.kind, entry(S, i, j) + entry(Z, i, j), map.alpha);
  }
  __device__ T of_input(int, int, int) const { return T(0); }
  __device__ T of_hidden(int i, int b, int t) const {
    return dH.cols > 0 ? entry(dH, i, times.callers_column(b, t, dH.cols)) : T(0);
  }

  __device__ T enter(T carried, T of_hidden) const { return carried + of_hidden; }
  __device__ void keep_input(int, index_t, T) const {}
  __device__ void keep_hidden(int i, index_t j, T value) const { entry(g, i, j) = value; }
  __device__ typename Map::Held hold(T of_g, T psi) const { return {of_g, psi}; }
  __device__ void keep_held(int, index_t, T) const {}
  __device__ T leave(T of_state, T of_u, int t) const {
    const int step = times.first + t;
    const bool cut = truncate > 0 && step > 0 && step % truncate == 0;
    return cut ? T(0) : of_state + of_u;
  }
  __device__ void keep_output(int, int, int, T) const {}
};

}  // namespace idl::cuda
