// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/cpu/steps/magnitude.hpp"
#include "kernels/loop_updates.hpp"

/// What both ways to substitute have in common: f of a row, and the norms.
namespace idl::cpu {

/// X_i = φ(S_i + Z_i), whose norms are maxima.
template <class T, class Phi>
struct PicardRows {
  Phi phi;

  __attribute__((always_inline)) T operator()(T s, T z, T) const { return phi(s + z); }
  static T join(T norm, T x) { return from_magnitude<T>(std::max(magnitude(norm), magnitude(x))); }
};

/// V_i = Ψ_i(W_i + G_i), whose norms are sums.
template <class T>
struct AdjointRows {
  __attribute__((always_inline)) T operator()(T w, T g, T psi) const { return psi * (w + g); }
  static T join(T norm, T v) { return norm + std::abs(v); }
};

/// Of column j, whose rows have this norm, and the answer for which there is no step.
template <class T, class Update>
void store_norms(const Update& u, index_t j, T norm) {
  u.state_norms.data[j] = norm;
  u.step_norms.data[j] = norm == norm ? T(0) : norm;
}

}  // namespace idl::cpu
