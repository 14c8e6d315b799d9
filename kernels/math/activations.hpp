// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string_view>

#include "idl/activation.hpp"
#include "idl/detail/cuda_callable.hpp"
#include "kernels/base/named_enum.hpp"
#include "kernels/math/elementary.hpp"

/// φ and φ' as function objects, one per ActivationKind, so that a loop is compiled once per kind
/// with nothing to decide inside. All keep NaN, and no intermediate overflows into one for finite
/// arguments: exponentials are taken of −|x| where the other sign could overflow harmfully.
namespace idl {

/// σ(x) = 1/(1+e⁻ˣ). For very negative x the exponential is +inf and the quotient its limit, 0.
template <class T>
IDL_CUDA_CALLABLE inline T sigmoid(T x) {
  return T(1) / (T(1) + elementary::exp(-x));
}

/// σ'(x) = e/(1+e)² with e = e^−|x|: no cancellation in either tail.
template <class T>
IDL_CUDA_CALLABLE inline T sigmoid_derivative(T x) {
  const T e = elementary::exp(-std::abs(x));
  return e / ((T(1) + e) * (T(1) + e));
}

/// The rows: one for each ActivationKind, with all that is known of it. k_work is the rough cost of
/// φ on the CPU, relative to relu. Rows with an α have a k_usual_alpha and hold α. Own activations
/// (idl/custom_activation.hpp) have the same form, without a kind.
template <class T>
struct Relu {
  static constexpr ActivationKind k_kind = ActivationKind::relu;
  static constexpr std::string_view k_name = "relu";
  static constexpr double k_at_zero = 0;
  static constexpr int k_work = 1;
  static double lipschitz(double) { return 1; }
  IDL_CUDA_CALLABLE T operator()(T x) const { return x < T(0) ? T(0) : x; }
  IDL_CUDA_CALLABLE T derivative(T x) const { return x > T(0) ? T(1) : (x <= T(0) ? T(0) : x); }
};

template <class T>
struct LeakyRelu {
  static constexpr ActivationKind k_kind = ActivationKind::leaky_relu;
  static constexpr std::string_view k_name = "leaky_relu";
  static constexpr double k_usual_alpha = Activation::leaky_relu().alpha;
  static constexpr double k_at_zero = 0;
  static constexpr int k_work = 1;
  static double lipschitz(double alpha) { return std::max(1.0, std::abs(alpha)); }
  T alpha;
  IDL_CUDA_CALLABLE T operator()(T x) const {
    const T scaled = alpha * x;  // on both sides, so that compilers may take it out of the branch
    return x > T(0) ? x : scaled;
  }
  IDL_CUDA_CALLABLE T derivative(T x) const { return x > T(0) ? T(1) : (x <= T(0) ? alpha : x); }
};

template <class T>
struct Elu {
  static constexpr ActivationKind k_kind = ActivationKind::elu;
  static constexpr std::string_view k_name = "elu";
  static constexpr double k_usual_alpha = Activation::elu().alpha;
  static constexpr double k_at_zero = 0;
  static constexpr int k_work = 5;
  static double lipschitz(double alpha) { return std::max(1.0, std::abs(alpha)); }
  T alpha;
  IDL_CUDA_CALLABLE T operator()(T x) const {
    const T below = alpha * elementary::exp_minus_1_of_negative(x);
    return x > T(0) ? x : below;
  }
  IDL_CUDA_CALLABLE T derivative(T x) const {
    const T below = alpha * elementary::exp(x);
    return x > T(0) ? T(1) : below;
  }
};

template <class T>
struct Tanh {
  static constexpr ActivationKind k_kind = ActivationKind::tanh;
  static constexpr std::string_view k_name = "tanh";
  static constexpr double k_at_zero = 0;
  static constexpr int k_work = 6;
  static double lipschitz(double) { return 1; }
  IDL_CUDA_CALLABLE T operator()(T x) const { return elementary::tanh(x); }
  /// 1 − tanh² x = 4σ'(2x), which does not cancel.
  IDL_CUDA_CALLABLE T derivative(T x) const { return T(4) * sigmoid_derivative(T(2) * x); }
};

template <class T>
struct Sigmoid {
  static constexpr ActivationKind k_kind = ActivationKind::sigmoid;
  static constexpr std::string_view k_name = "sigmoid";
  static constexpr double k_at_zero = 0.5;
  static constexpr int k_work = 6;
  static double lipschitz(double) { return 0.25; }
  IDL_CUDA_CALLABLE T operator()(T x) const { return sigmoid(x); }
  IDL_CUDA_CALLABLE T derivative(T x) const { return sigmoid_derivative(x); }
};

template <class T>
struct Softplus {
  static constexpr ActivationKind k_kind = ActivationKind::softplus;
  static constexpr std::string_view k_name = "softplus";
  static constexpr double k_at_zero = std::numbers::ln2;
  static constexpr int k_work = 12;
  static double lipschitz(double) { return 1; }
  /// max(x, 0) + log(1 + e^−|x|).
  IDL_CUDA_CALLABLE T operator()(T x) const {
    return (x < T(0) ? T(0) : x) + elementary::log_1_plus_fraction(elementary::exp(-std::abs(x)));
  }
  IDL_CUDA_CALLABLE T derivative(T x) const { return sigmoid(x); }
};

template <class T>
struct Silu {
  static constexpr ActivationKind k_kind = ActivationKind::silu;
  static constexpr std::string_view k_name = "silu";
  static constexpr double k_at_zero = 0;
  static constexpr int k_work = 6;
  /// The largest slope, rounded up in the last place: 1.09983932012886691695818… at x =
  /// 2.3993572805154676678….
  static double lipschitz(double) { return 1.0998393201288670; }
  IDL_CUDA_CALLABLE T operator()(T x) const { return x * sigmoid(x); }
  IDL_CUDA_CALLABLE T derivative(T x) const { return sigmoid(x) + x * sigmoid_derivative(x); }
};

template <class T>
struct Gelu {
  static constexpr ActivationKind k_kind = ActivationKind::gelu;
  static constexpr std::string_view k_name = "gelu";
  static constexpr double k_at_zero = 0;
  static constexpr int k_work = 12;
  /// The largest slope, rounded up in the last place: 1.12890414518515478634074… at x = √2.
  static double lipschitz(double) { return 1.1289041451851549; }
  IDL_CUDA_CALLABLE T operator()(T x) const { return x * elementary::normal(x).distribution; }
  IDL_CUDA_CALLABLE T derivative(T x) const {
    const elementary::Normal<T> at_x = elementary::normal(x);
    return at_x.distribution + x * at_x.density;
  }
};

template <class T>
struct Identity {
  static constexpr ActivationKind k_kind = ActivationKind::identity;
  static constexpr std::string_view k_name = "identity";
  static constexpr double k_at_zero = 0;
  static constexpr int k_work = 1;
  static double lipschitz(double) { return 1; }
  IDL_CUDA_CALLABLE T operator()(T x) const { return x; }
  IDL_CUDA_CALLABLE T derivative(T x) const { return x == x ? T(1) : x; }
};

/// tanh log(1+eˣ), of which mish makes xw(x), and its slope (1 − w²)σ(x).
template <class T>
struct SoftplusTanh {
  T value;
  T slope;
};

/// With t = e^−|x| both are quotients of polynomials: w = (t² + 2t)/(t² + 2t + 2) for x <= 0, and
/// the same in 1/t for other x.
template <class T>
IDL_CUDA_CALLABLE inline SoftplusTanh<T> softplus_tanh(T x) {
  const T t = elementary::exp(-std::abs(x));
  const bool positive = x > T(0);
  const T sum = positive ? T(1) + T(2) * t : t * (t + T(2));
  const T rest = positive ? T(2) * t * t : T(2);
  const T w = sum / (sum + rest);
  const T sigma = (positive ? T(1) : t) / (T(1) + t);
  return {w, rest / (sum + rest) * (T(1) + w) * sigma};
}

template <class T>
struct Mish {
  static constexpr ActivationKind k_kind = ActivationKind::mish;
  static constexpr std::string_view k_name = "mish";
  static constexpr double k_at_zero = 0;
  /// The largest slope, rounded up in the last place: 1.08849816125172786122829… at x =
  /// 1.4905711794854284592….
  static double lipschitz(double) { return 1.088498161251728; }
  IDL_CUDA_CALLABLE T operator()(T x) const { return x * softplus_tanh(x).value; }
  IDL_CUDA_CALLABLE T derivative(T x) const {
    const SoftplusTanh<T> w = softplus_tanh(x);
    return w.value + x * w.slope;
  }
};

template <class T>
struct Selu {
  static constexpr ActivationKind k_kind = ActivationKind::selu;
  static constexpr std::string_view k_name = "selu";
  static constexpr double k_at_zero = 0;
  static constexpr T k_lambda = static_cast<T>(1.0507009873554804934193349852946);
  static constexpr T k_lambda_alpha = static_cast<T>(1.7580993408473768599402175208123);
  /// λα, the slope on the left of 0, rounded up in the last place.
  static double lipschitz(double) { return 1.758099340847377; }
  IDL_CUDA_CALLABLE T operator()(T x) const {
    const T below = k_lambda_alpha * elementary::exp_minus_1_of_negative(x);
    return x > T(0) ? k_lambda * x : below;
  }
  IDL_CUDA_CALLABLE T derivative(T x) const {
    const T below = k_lambda_alpha * elementary::exp(x);
    return x > T(0) ? k_lambda : below;
  }
};

template <class T>
struct Hardswish {
  static constexpr ActivationKind k_kind = ActivationKind::hardswish;
  static constexpr std::string_view k_name = "hardswish";
  static constexpr double k_at_zero = 0;
  /// The slope on the left of 3.
  static double lipschitz(double) { return 1.5; }
  IDL_CUDA_CALLABLE T operator()(T x) const {
    T part = x + T(3);
    part = part < T(0) ? T(0) : part;
    part = part > T(6) ? T(6) : part;
    return x * (part / T(6));
  }
  IDL_CUDA_CALLABLE T derivative(T x) const {
    const T between = (T(2) * x + T(3)) / T(6);
    return x >= T(3) ? T(1) : (x <= T(-3) ? T(0) : between);
  }
};

template <class T>
struct Abs {
  static constexpr ActivationKind k_kind = ActivationKind::abs;
  static constexpr std::string_view k_name = "abs";
  static constexpr double k_at_zero = 0;
  static double lipschitz(double) { return 1; }
  IDL_CUDA_CALLABLE T operator()(T x) const { return std::abs(x); }
  IDL_CUDA_CALLABLE T derivative(T x) const { return x > T(0) ? T(1) : (x < T(0) ? T(-1) : x); }
};

template <class T>
struct Sat {
  static constexpr ActivationKind k_kind = ActivationKind::sat;
  static constexpr std::string_view k_name = "sat";
  static constexpr double k_at_zero = 0;
  static double lipschitz(double) { return 1; }
  IDL_CUDA_CALLABLE T operator()(T x) const {
    const T from_below = x < T(-1) ? T(-1) : x;
    return from_below > T(1) ? T(1) : from_below;
  }
  IDL_CUDA_CALLABLE T derivative(T x) const {
    const T size = std::abs(x);
    return size < T(1) ? T(1) : (size >= T(1) ? T(0) : x);
  }
};

template <class... Rows>
struct ActivationRows {};

/// The rows for each of which loops are compiled.
template <class T>
using CommonActivations = ActivationRows<Relu<T>, LeakyRelu<T>, Elu<T>, Tanh<T>, Sigmoid<T>,
                                         Softplus<T>, Silu<T>, Gelu<T>, Identity<T>>;
/// The rows that share loops, so that one more costs no loop more.
template <class T>
using RarerActivations = ActivationRows<Mish<T>, Selu<T>, Hardswish<T>, Abs<T>, Sat<T>>;

template <class... Rows, class... More>
ActivationRows<Rows..., More...> joined(ActivationRows<Rows...>, ActivationRows<More...>);

/// All of them, in the order of ActivationKind.
template <class T>
using Activations = decltype(joined(CommonActivations<T>{}, RarerActivations<T>{}));

template <class Row>
inline constexpr bool k_has_alpha = requires {
  Row::k_usual_alpha;
};

/// Calls f with the row of `kind`, the last row for a number that is none; returns what f returns.
/// Usable on the device where f is.
#ifdef __CUDACC__
#pragma nv_exec_check_disable
#endif
template <class T, class F, class Row, class... Rows>
IDL_CUDA_CALLABLE inline decltype(auto) visit_row(ActivationRows<Row, Rows...>, ActivationKind kind,
                                                  T alpha, const F& f) {
  if constexpr (sizeof...(Rows) > 0) {
    if (kind != Row::k_kind) return visit_row(ActivationRows<Rows...>{}, kind, alpha, f);
  }
  if constexpr (k_has_alpha<Row>)
    return f(Row{alpha});
  else
    return f(Row{});
}

/// φ and φ' at one x, for visit_row() on the device.
template <class T>
struct ValueAt {
  T x;
  template <class Row>
  IDL_CUDA_CALLABLE T operator()(const Row& phi) const {
    return phi(x);
  }
};
template <class T>
struct DerivativeAt {
  T x;
  template <class Row>
  IDL_CUDA_CALLABLE T operator()(const Row& phi) const {
    return phi.derivative(x);
  }
};

/// φ(x), with the kind decided at run time; usable on the device.
template <class T>
IDL_CUDA_CALLABLE inline T activate(ActivationKind kind, T x, T alpha) {
  return visit_row(Activations<T>{}, kind, alpha, ValueAt<T>{x});
}

/// φ'(x), with the kind decided at run time; usable on the device.
template <class T>
IDL_CUDA_CALLABLE inline T activation_derivative(ActivationKind kind, T x, T alpha) {
  return visit_row(Activations<T>{}, kind, alpha, DerivativeAt<T>{x});
}

/// A rarer φ, with the kind decided at each entry.
template <class T>
struct RarerRow {
  ActivationKind kind;
  T alpha;
  IDL_CUDA_CALLABLE T operator()(T x) const {
    return visit_row(RarerActivations<T>{}, kind, alpha, ValueAt<T>{x});
  }
  IDL_CUDA_CALLABLE T derivative(T x) const {
    return visit_row(RarerActivations<T>{}, kind, alpha, DerivativeAt<T>{x});
  }
};

template <class... Rows>
constexpr bool is_among(ActivationRows<Rows...>, ActivationKind kind) {
  return ((kind == Rows::k_kind) || ...);
}

/// Calls f with the function object of `activation`, a RarerRow where loops are shared; returns
/// what f returns. Host only: on the device the object is an argument of the kernel.
/// @throws InvalidArgument for an own activation, which is no row
template <class T, class F>
decltype(auto) dispatch(const Activation& activation, const F& f) {
  if (activation.kind == ActivationKind::custom)
    detail::throw_invalid_argument("an own activation is compiled into no loop of the library");
  const T alpha = static_cast<T>(activation.alpha);
  if (!is_among(CommonActivations<T>{}, activation.kind))
    return f(RarerRow<T>{activation.kind, alpha});
  return visit_row(CommonActivations<T>{}, activation.kind, alpha, f);
}

namespace names {
template <class... Rows>
constexpr std::array<NamedValue<ActivationKind>, sizeof...(Rows)> of_rows(ActivationRows<Rows...>) {
  return {{{Rows::k_kind, Rows::k_name}...}};
}
inline constexpr auto k_activation = of_rows(Activations<double>{});
}  // namespace names

template <>
inline constexpr NamedEnum<ActivationKind> k_named<ActivationKind>{"activation",
                                                                   names::k_activation};

}  // namespace idl
