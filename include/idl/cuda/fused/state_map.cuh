// SPDX-License-Identifier: MIT
#pragma once

#include "idl/cuda/device/collectives.cuh"
#include "idl/matrix.hpp"

namespace idl::cuda {

/// x <- φ(s + z), with s of AX and z of Z: the update of a solve for the state, whose norms are
/// maxima. `Phi` is φ, a function object.
template <class T, class Phi>
struct FusedStateMap {
  using Held = T;
  using Norm = Magnitude<T>;
  using Combine = Maximum;
  static constexpr bool k_transposed = false;

  ConstMatrixView<T> Z;
  Phi phi;

  __device__ Held hold(index_t i, index_t j) const { return Z.data[i + j * Z.ld]; }
  __device__ T operator()(T s, Held z) const { return phi(s + z); }
  __device__ static Norm measure(T x) { return magnitude(x); }
  __device__ static T value(Norm norm) { return from_magnitude<T>(norm); }
};

}  // namespace idl::cuda
