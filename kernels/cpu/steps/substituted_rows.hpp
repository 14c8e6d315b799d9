// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/cpu/steps/activation_loops.hpp"
#include "kernels/cpu/steps/magnitude.hpp"
#include "kernels/loop_updates.hpp"

/// What both ways to substitute have in common: f of a row, and the norms.
namespace idl::cpu {

/// X_i = φ(S_i + Z_i), whose norms are maxima.
template <class T, class Phi>
struct PicardRows {
  Phi phi;

  __attribute__((always_inline)) T operator()(T s, T z, T) const { return phi(s + z); }
  /// S <- f(S) for some entries side by side.
  template <class Count>
  __attribute__((always_inline)) void apply(T* s, const T* z, const T* slopes, Count count) const {
    if constexpr (std::is_same_v<Phi, LoopsRow<T>>)
      phi.value({s, count, 1, count, {}}, {z, count, 1, count, {}}, {s, count, 1, count, {}});
    else
      for (index_t l = 0; l < count; ++l) s[l] = (*this)(s[l], z[l], slopes[l]);
  }
  static T join(T norm, T x) { return from_magnitude<T>(std::max(magnitude(norm), magnitude(x))); }
};

/// V_i = Ψ_i(W_i + G_i), whose norms are sums.
template <class T>
struct AdjointRows {
  __attribute__((always_inline)) T operator()(T w, T g, T psi) const { return psi * (w + g); }
  template <class Count>
  __attribute__((always_inline)) void apply(T* w, const T* g, const T* psi, Count count) const {
    for (index_t l = 0; l < count; ++l) w[l] = (*this)(w[l], g[l], psi[l]);
  }
  static T join(T norm, T v) { return norm + std::abs(v); }
};

/// Of column j, whose rows have this norm, and the answer for which there is no step.
template <class T, class Update>
void store_norms(const Update& u, index_t j, T norm) {
  u.state_norms.data[j] = norm;
  u.step_norms.data[j] = norm == norm ? T(0) : norm;
}

}  // namespace idl::cpu
