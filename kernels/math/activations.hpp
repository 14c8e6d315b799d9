// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <utility>

#include "idl/activation.hpp"
#include "kernels/base/host_device.hpp"
#include "kernels/math/elementary.hpp"

/// φ and φ' as function objects, one per ActivationKind, so that a loop is compiled once per kind
/// with nothing to decide inside. All keep NaN, and no intermediate overflows into one for finite
/// arguments: exponentials are taken of −|x| where the other sign could overflow harmfully.
/// k_work is the rough cost of φ on the CPU, relative to relu.
namespace idl {

/// σ(x) = 1/(1+e⁻ˣ). For very negative x the exponential is +inf and the quotient its limit, 0.
template <class T>
IDL_HOST_DEVICE inline T sigmoid(T x) {
  return T(1) / (T(1) + elementary::exp(-x));
}

/// σ'(x) = e/(1+e)² with e = e^−|x|: no cancellation in either tail.
template <class T>
IDL_HOST_DEVICE inline T sigmoid_derivative(T x) {
  const T e = elementary::exp(-std::abs(x));
  return e / ((T(1) + e) * (T(1) + e));
}

template <class T>
struct Relu {
  static constexpr int k_work = 1;
  IDL_HOST_DEVICE T operator()(T x) const { return x < T(0) ? T(0) : x; }
  IDL_HOST_DEVICE T derivative(T x) const { return x > T(0) ? T(1) : (x <= T(0) ? T(0) : x); }
};

template <class T>
struct LeakyRelu {
  static constexpr int k_work = 1;
  T alpha;
  IDL_HOST_DEVICE T operator()(T x) const {
    const T scaled = alpha * x;  // on both sides, so that compilers may take it out of the branch
    return x > T(0) ? x : scaled;
  }
  IDL_HOST_DEVICE T derivative(T x) const { return x > T(0) ? T(1) : (x <= T(0) ? alpha : x); }
};

template <class T>
struct Elu {
  static constexpr int k_work = 5;
  T alpha;
  IDL_HOST_DEVICE T operator()(T x) const {
    const T below = alpha * elementary::exp_minus_1_of_negative(x);
    return x > T(0) ? x : below;
  }
  IDL_HOST_DEVICE T derivative(T x) const {
    const T below = alpha * elementary::exp(x);
    return x > T(0) ? T(1) : below;
  }
};

template <class T>
struct Tanh {
  static constexpr int k_work = 6;
  IDL_HOST_DEVICE T operator()(T x) const { return elementary::tanh(x); }
  /// 1 − tanh² x = 4σ'(2x), which does not cancel.
  IDL_HOST_DEVICE T derivative(T x) const { return T(4) * sigmoid_derivative(T(2) * x); }
};

template <class T>
struct Sigmoid {
  static constexpr int k_work = 6;
  IDL_HOST_DEVICE T operator()(T x) const { return sigmoid(x); }
  IDL_HOST_DEVICE T derivative(T x) const { return sigmoid_derivative(x); }
};

template <class T>
struct Softplus {
  static constexpr int k_work = 12;
  /// max(x, 0) + log(1 + e^−|x|).
  IDL_HOST_DEVICE T operator()(T x) const {
    return (x < T(0) ? T(0) : x) + elementary::log_1_plus_fraction(elementary::exp(-std::abs(x)));
  }
  IDL_HOST_DEVICE T derivative(T x) const { return sigmoid(x); }
};

template <class T>
struct Silu {
  static constexpr int k_work = 6;
  IDL_HOST_DEVICE T operator()(T x) const { return x * sigmoid(x); }
  IDL_HOST_DEVICE T derivative(T x) const { return sigmoid(x) + x * sigmoid_derivative(x); }
};

template <class T>
struct Gelu {
  static constexpr int k_work = 12;
  IDL_HOST_DEVICE T operator()(T x) const { return x * elementary::normal(x).distribution; }
  IDL_HOST_DEVICE T derivative(T x) const {
    const elementary::Normal<T> at_x = elementary::normal(x);
    return at_x.distribution + x * at_x.density;
  }
};

template <class T>
struct Identity {
  static constexpr int k_work = 1;
  IDL_HOST_DEVICE T operator()(T x) const { return x; }
  IDL_HOST_DEVICE T derivative(T x) const { return x == x ? T(1) : x; }
};

/// Calls f with the function object of `activation`; returns what f returns. Host only: on the
/// device the object is an argument of the kernel.
template <class T, class F>
decltype(auto) dispatch(const Activation& activation, F&& f) {
  const T alpha = static_cast<T>(activation.alpha);
  switch (activation.kind) {
    case ActivationKind::relu:
      return std::forward<F>(f)(Relu<T>{});
    case ActivationKind::leaky_relu:
      return std::forward<F>(f)(LeakyRelu<T>{alpha});
    case ActivationKind::elu:
      return std::forward<F>(f)(Elu<T>{alpha});
    case ActivationKind::tanh:
      return std::forward<F>(f)(Tanh<T>{});
    case ActivationKind::sigmoid:
      return std::forward<F>(f)(Sigmoid<T>{});
    case ActivationKind::softplus:
      return std::forward<F>(f)(Softplus<T>{});
    case ActivationKind::silu:
      return std::forward<F>(f)(Silu<T>{});
    case ActivationKind::gelu:
      return std::forward<F>(f)(Gelu<T>{});
    case ActivationKind::identity:
      break;
  }
  return std::forward<F>(f)(Identity<T>{});
}

/// φ(x), with the kind decided at run time; usable on the device.
template <class T>
IDL_HOST_DEVICE inline T activate(ActivationKind kind, T x, T alpha) {
  switch (kind) {
    case ActivationKind::relu:
      return Relu<T>{}(x);
    case ActivationKind::leaky_relu:
      return LeakyRelu<T>{alpha}(x);
    case ActivationKind::elu:
      return Elu<T>{alpha}(x);
    case ActivationKind::tanh:
      return Tanh<T>{}(x);
    case ActivationKind::sigmoid:
      return Sigmoid<T>{}(x);
    case ActivationKind::softplus:
      return Softplus<T>{}(x);
    case ActivationKind::silu:
      return Silu<T>{}(x);
    case ActivationKind::gelu:
      return Gelu<T>{}(x);
    case ActivationKind::identity:
      break;
  }
  return x;
}

/// φ'(x), with the kind decided at run time; usable on the device.
template <class T>
IDL_HOST_DEVICE inline T activation_derivative(ActivationKind kind, T x, T alpha) {
  switch (kind) {
    case ActivationKind::relu:
      return Relu<T>{}.derivative(x);
    case ActivationKind::leaky_relu:
      return LeakyRelu<T>{alpha}.derivative(x);
    case ActivationKind::elu:
      return Elu<T>{alpha}.derivative(x);
    case ActivationKind::tanh:
      return Tanh<T>{}.derivative(x);
    case ActivationKind::sigmoid:
      return Sigmoid<T>{}.derivative(x);
    case ActivationKind::softplus:
      return Softplus<T>{}.derivative(x);
    case ActivationKind::silu:
      return Silu<T>{}.derivative(x);
    case ActivationKind::gelu:
      return Gelu<T>{}.derivative(x);
    case ActivationKind::identity:
      break;
  }
  return Identity<T>{}.derivative(x);
}

}  // namespace idl
