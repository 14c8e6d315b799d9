// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <variant>

#include "idl/cuda/device/collectives.cuh"
#include "kernels/loop_updates.hpp"
#include "kernels/math/activations.hpp"

/// What both ways to substitute have in common: f of a row, and an update by one set of names.
namespace idl::cuda {

/// f(S) = φ(S + Z), with norms in ℓ∞.
template <class T, class Phi>
struct PicardRows {
  using Norm = Magnitude<T>;
  using Join = Maximum;
  static constexpr bool k_has_slopes = false;
  Phi phi;

  __device__ T operator()(T s, T z, T) const { return phi(s + z); }
  __device__ static Norm norm_of(T x) { return magnitude(x); }
  __device__ static T number(Norm norm) { return from_magnitude<T>(norm); }
};

/// f(W) = Ψ∘(W + G), with norms in ℓ1.
template <class T>
struct AdjointRows {
  using Norm = T;
  using Join = Plus;
  static constexpr bool k_has_slopes = true;

  __device__ T operator()(T w, T g, T psi) const { return psi * (w + g); }
  __device__ static Norm norm_of(T v) { return std::abs(v); }
  __device__ static T number(Norm norm) { return norm; }
};

/// An update, by names that both have.
template <class T>
struct SubstitutedColumns {
  ConstMatrixView<T> S;
  ConstMatrixView<T> forcing;
  ConstMatrixView<T> slopes;
  MatrixView<T> X;
  T* step_norms;
  T* state_norms;
  const std::uint8_t* status;
  bool join;

  __device__ void store_norms(index_t j, T norm) const {
    state_norms[j] = norm;
    step_norms[j] = norm == norm ? T(0) : norm;
  }
};

/// launch_rows(columns, f) for the update of a substitution.
template <class T, class Substitution, class Launch>
void with_rows(const Substitution& s, const Launch& launch_rows) {
  const auto columns = [](auto u) -> SubstitutedColumns<T> {
    const auto constants = constants_of(u);
    return {.S = product_of(u),
            .forcing = *constants.front(),
            .slopes = *constants.back(),
            .X = state_of(u),
            .step_norms = u.step_norms.data,
            .state_norms = u.state_norms.data,
            .status = u.status.data,
            .join = u.join};
  };
  if (const auto* picard = std::get_if<PicardUpdate<T>>(&s.update)) {
    dispatch<T>(picard->activation, [&](auto phi) {
      launch_rows(columns(*picard), PicardRows<T, decltype(phi)>{phi});
    });
  } else {
    launch_rows(columns(std::get<AdjointUpdate<T>>(s.update)), AdjointRows<T>{});
  }
}

}  // namespace idl::cuda
