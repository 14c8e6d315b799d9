// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include "idl/detail/cuda_callable.hpp"
#include "idl/detail/is_finite.hpp"
#include "idl/detail/rounded.hpp"

/// One entry under a step of Adam or SGD (AdamUpdate, SgdUpdate). Products are rounded before they
/// are added: of a sum of two products a compiler may fuse either, and kernels that share a
/// function would differ in bits.
namespace idl {

template <class T>
struct AdamFactors {
  T beta1;
  T one_minus_beta1;
  T beta2;
  T one_minus_beta2;
  T step_size;         ///< lr/(1−β1ᵗ)
  T root_correction2;  ///< 1/sqrt(1−β2ᵗ): a factor, since each division counts here
  T epsilon;
  T weight_decay;  ///< added to the gradient: 0 when decoupled
  T keep;          ///< 1 − lr·weight_decay when decoupled, else 1
};

/// One entry of M, m1, m2 under the gradient entry dM; all stay where that is not finite, or so
/// large that m2 would not be. @returns whether they moved
template <class T>
IDL_CUDA_CALLABLE inline bool adam_entry(const AdamFactors<T>& f, T& M, T dM, T& m1, T& m2) {
  using rounded::add;
  using rounded::multiply;
  const T g = add(dM, multiply(f.weight_decay, M));
  const T first = add(multiply(f.beta1, m1), multiply(f.one_minus_beta1, g));
  const T second = add(multiply(f.beta2, m2), multiply(multiply(f.one_minus_beta2, g), g));
  const bool taken = is_finite(second);
  const T denominator = add(multiply(std::sqrt(second), f.root_correction2), f.epsilon);
  const T moved = add(multiply(f.keep, M), -multiply(f.step_size, first / denominator));
  M = taken ? moved : M;
  m1 = taken ? first : m1;
  m2 = taken ? second : m2;
  return taken;
}

template <class T>
struct SgdFactors {
  T learning_rate;
  T momentum;
  T weight_decay;
  bool nesterov;
};

/// As adam_entry, of M and the velocity, which stays finite.
template <class T>
IDL_CUDA_CALLABLE inline bool sgd_entry(const SgdFactors<T>& f, T& M, T dM, T& velocity) {
  using rounded::add;
  using rounded::multiply;
  const T g = add(dM, multiply(f.weight_decay, M));
  const T faster = add(multiply(f.momentum, velocity), g);
  const bool taken = is_finite(faster);
  const T direction = f.nesterov ? add(g, multiply(f.momentum, faster)) : faster;
  const T moved = add(M, -multiply(f.learning_rate, direction));
  M = taken ? moved : M;
  velocity = taken ? faster : velocity;
  return taken;
}

}  // namespace idl
