// SPDX-License-Identifier: MIT
#pragma once

// The maps that the kernels for whole solves apply to a sum of products and to what they hold of
// its entry, with the norms that go with them.
#include <cmath>

#include "kernels/cuda/device/collectives.cuh"
#include "kernels/cuda/loop/fused_columns.cuh"
#include "kernels/fixed_point.hpp"
#include "kernels/math/activations.hpp"

namespace idl::cuda {

/// x <- φ(s + z), with s of AX; norms are maxima. The activation is looked up per entry: that is
/// little beside a row of A, and one kernel serves them all.
template <class T>
struct FusedPicard {
  using Held = T;
  using Norm = Magnitude<T>;
  using Combine = Maximum;
  static constexpr bool k_transposed = false;

  ConstMatrixView<T> Z;
  ActivationKind kind;
  T alpha;

  __device__ Held hold(index_t i, index_t j) const { return Z.data[i + j * Z.ld]; }
  __device__ T operator()(T s, Held z) const { return activate(kind, s + z, alpha); }
  __device__ static Norm measure(T x) { return magnitude(x); }
  __device__ static T value(Norm norm) { return from_magnitude<T>(norm); }
};

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
FusedPicard<T> fused_map(const PicardMap<T>& map, SolveStart) {
  return {map.Z, map.activation.kind, static_cast<T>(map.activation.alpha)};
}

/// From zero Ψ is computed where it is read; elsewhere what comes before the kernel has made it.
template <class T>
FusedAdjoint<T> fused_map(const AdjointMap<T>& map, SolveStart start) {
  FusedAdjoint<T> fused = {map.G, map.Psi};
  if (start == SolveStart::zero && map.derivative) {
    fused.S = map.derivative->S;
    fused.Z = map.derivative->Z;
    fused.kind = map.derivative->activation.kind;
    fused.alpha = static_cast<T>(map.derivative->activation.alpha);
  }
  return fused;
}

template <class T>
FusedSolve<T> fused_solve(const FixedPoint<T>& solve) {
  return {solve.X,
          solve.step_norms,
          solve.state_norms,
          decision_of(solve),
          solve.decision.max_iterations,
          solve.start == SolveStart::zero};
}

}  // namespace idl::cuda
