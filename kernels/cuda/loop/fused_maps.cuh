// SPDX-License-Identifier: MIT
#pragma once

// The maps that the kernels for whole solves apply to a sum of products and to what they hold of
// its entry, with the norms that go with them.
#include <cmath>

#include "idl/cuda/device/collectives.cuh"
#include "idl/cuda/fused/columns.cuh"
#include "idl/cuda/fused/product.cuh"
#include "idl/cuda/fused/state_map.cuh"
#include "kernels/cuda/loop/fused_loop.hpp"
#include "kernels/math/activations.hpp"

namespace idl::cuda {

/// The library's own activations. Which one it is, is looked up per entry: that is little beside a
/// row of A, and one kernel serves them all.
template <class T>
struct AnyActivation {
  ActivationKind kind;
  T alpha;
  __device__ T operator()(T x) const { return activate(kind, x, alpha); }
};

template <class T>
using FusedPicard = FusedStateMap<T, AnyActivation<T>>;

/// v <- ψ(w + g), with w of AᵀV; norms are sums.
template <class T>
struct FusedAdjoint {
  struct Held {
    T g;
    T psi;
  };
  using Norm = T;
  using Combine = Plus;
  static constexpr bool k_transposed = true;

  ConstMatrixView<T> G;
  ConstMatrixView<T> Psi;
  // Where there is a Z, Ψ = φ'(S + Z) is computed here instead of read.
  ConstMatrixView<T> S{};
  ConstMatrixView<T> Z{};
  ActivationKind kind = ActivationKind::identity;
  T alpha = T(0);

  __device__ Held hold(index_t i, index_t j) const {
    const T g = G.data[i + j * G.ld];
    if (Z.data == nullptr) return {g, Psi.data[i + j * Psi.ld]};
    return {g, activation_derivative(kind, S.data[i + j * S.ld] + Z.data[i + j * Z.ld], alpha)};
  }
  __device__ T operator()(T w, const Held& held) const { return held.psi * (w + held.g); }
  __device__ static Norm measure(T x) { return std::abs(x); }
  __device__ static T value(Norm norm) { return norm; }
};

template <class T>
FusedPicard<T> picard_map(const ConstMatrixView<T>& Z, const Activation& activation) {
  return {Z, {activation.kind, static_cast<T>(activation.alpha)}};
}

template <class T>
FusedPicard<T> fused_map(const PicardMap<T>& map, bool) {
  return picard_map(map.Z, map.activation);
}

/// From zero Ψ is computed where it is read; elsewhere what comes before the kernel has made it.
template <class T>
FusedAdjoint<T> fused_map(const AdjointMap<T>& map, bool from_zero) {
  FusedAdjoint<T> fused = {map.G, map.Psi};
  if (from_zero && map.derivative) {
    fused.S = map.derivative->S;
    fused.Z = map.derivative->Z;
    fused.kind = map.derivative->activation.kind;
    fused.alpha = static_cast<T>(map.derivative->activation.alpha);
  }
  return fused;
}

/// Of a description that has the columns, their norms and the decision.
template <class T, class Described>
FusedSolve<T> fused_solve(const MatrixView<T>& state, const Described& loop, bool from_zero) {
  const Decision<T>& decision = loop.decision;
  return {.X = state,
          .step_norms = loop.step_norms,
          .state_norms = loop.state_norms,
          .columns = loop.columns,
          .contraction = decision.contraction,
          .absolute = decision.absolute,
          .relative = decision.relative,
          .rounding = decision.rounding,
          .certified = decision.certified,
          .max_iterations = decision.max_iterations,
          .from_zero = from_zero};
}

template <class T>
FusedSolve<T> fused_solve(const FixedPoint<T>& solve) {
  return fused_solve(solve.X, solve, starts_in_kernel(solve));
}

/// A dense map, from a column on.
template <class T>
DenseFactor<T> factor_of(const LinearMap<T>& map, index_t first_col = 0) {
  const ConstMatrixView<T> A = entries_of(map).value();
  return {A.data + first_col * A.ld, A.ld};
}

}  // namespace idl::cuda
