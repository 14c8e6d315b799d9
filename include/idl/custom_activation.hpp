// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idl/activation.hpp"
#include "idl/detail/cuda_callable.hpp"
#include "idl/export.hpp"
#include "idl/matrix.hpp"

struct CUstream_st;

/// Activations that are not the library's. One is a struct template that says all of φ:
///
///     template <class T>
///     struct Swish {
///       static constexpr std::string_view k_name = "swish";      // of letters, digits and _
///       static constexpr double k_usual_alpha = 1.0;             // only with a parameter
///       static constexpr double k_at_zero = 0.0;                 // φ(0)
///       static double lipschitz(double alpha);                   // >= sup |φ'|, rounded up
///       T alpha;                                                 // only with a parameter
///       IDL_CUDA_CALLABLE T operator()(T x) const;                 // φ(x)
///       IDL_CUDA_CALLABLE T derivative(T x) const;                 // φ'(x)
///     };
///     idl::ModelOptions options{.activation = idl::custom_activation<Swish>()};
///
/// φ and φ' keep NaN and are finite for arguments up to 10⁴. Certificates take it that φ is
/// computed up to 8u(|φ(x)| + max(1, |α|)), u the unit roundoff of T, and that no computed |φ'|
/// exceeds lipschitz by more than 16u times itself. check_activation() looks for what is wrong.
/// From there on the activation is used as those of the library are: by models, training, files,
/// certificates.
namespace idl {

/// X(i,j) <- f(S(i,j) + Z(i,j)) for all entries, f being φ or φ'. X may be S.
template <class T>
using ActivationLoop = void (*)(double alpha, ConstMatrixView<T> S, ConstMatrixView<T> Z,
                                MatrixView<T> X);

/// The loops of one φ on the CPU, each for vectors of 16, of 32 and of 64 bytes.
template <class T>
struct ActivationLoops {
  std::array<ActivationLoop<T>, 3> value{};       ///< of φ
  std::array<ActivationLoop<T>, 3> derivative{};  ///< of φ'
};

/// Enqueues an ActivationLoop on a CUDA stream. @throws DeviceError
template <class T>
using ActivationLaunch = void (*)(double alpha, ConstMatrixView<T> S, ConstMatrixView<T> Z,
                                  MatrixView<T> X, CUstream_st* stream);

namespace cuda {
template <class T>
struct FusedSolve;
}

/// A kernel that solves X = φ(AX + Z), with A n×n and dense and m columns, as a whole; null where
/// there is none.
template <class T>
struct FusedSolveKernel {
  index_t most_rows = 0;  ///< the largest n for which it was compiled
  /// How often the current device takes up columns until all had their turn; 0 where it cannot run
  /// the kernel, or n is too large.
  index_t (*rounds)(index_t n, index_t m, int multiprocessors) = nullptr;
  /// Enqueues the solve. @throws DeviceError
  void (*launch)(double alpha, const cuda::FusedSolve<T>& solve, ConstMatrixView<T> A,
                 ConstMatrixView<T> Z, int multiprocessors, CUstream_st* stream) = nullptr;
};

/// The loops of one φ on CUDA devices; null where there are none.
template <class T>
struct ActivationKernels {
  ActivationLaunch<T> value = nullptr;       ///< of φ
  ActivationLaunch<T> derivative = nullptr;  ///< of φ'
  FusedSolveKernel<T> solve{};               ///< with φ in it
};

/// An own activation as the library sees it. custom_activation() makes it.
struct CustomActivation {
  std::string_view name;                        ///< in files, errors and tables
  bool has_alpha = false;                       ///< whether φ depends on α
  double usual_alpha = 0.0;                     ///< where nobody gives α
  double at_zero = 0.0;                         ///< φ(0) with the usual α
  double (*lipschitz)(double alpha) = nullptr;  ///< L_φ of an α
  ActivationLoops<float> float_loops{};         ///< on the CPU
  ActivationLoops<double> double_loops{};       ///< on the CPU
  ActivationKernels<float> float_kernels{};     ///< on CUDA devices
  ActivationKernels<double> double_kernels{};   ///< on CUDA devices
};

/// Makes an own activation known by its name, so that files which name it can be loaded, and
/// returns it. An activation of the same name and the same values is the one that was there;
/// kernels for CUDA are added where it had none, or those of solves were for fewer states. What
/// `custom` points to stays usable as long as the process lives. From any thread, but not while a
/// model that has the activation is at work.
/// @throws InvalidArgument (a name of the library or of another activation, or of other characters
///         than letters, digits and _; a Lipschitz constant that is not finite or negative)
IDL_EXPORT Activation register_activation(const CustomActivation& custom, double alpha);

namespace detail {

template <class Row>
concept HasUsualAlpha = requires {
  Row::k_usual_alpha;
};

template <class Row>
constexpr Row row_with(double alpha) {
  if constexpr (HasUsualAlpha<Row>)
    return Row{static_cast<decltype(Row::alpha)>(alpha)};
  else
    return Row{};
}

/// One line of vectors at a time, a number of entries that compilers know; then the rest.
template <class T, class F>
[[gnu::always_inline]] inline void for_each_entry(const ConstMatrixView<T>& S,
                                                  const ConstMatrixView<T>& Z,
                                                  const MatrixView<T>& X, const F& f) {
  constexpr index_t k_lanes = 64 / static_cast<index_t>(sizeof(T));
  for (index_t j = 0; j < X.cols; ++j) {
    const T* s = S.data + j * S.ld;
    const T* z = Z.data + j * Z.ld;
    T* x = X.data + j * X.ld;
    index_t i = 0;
    for (; i + k_lanes <= X.rows; i += k_lanes) {
      T values[64 / sizeof(T)];
      for (index_t l = 0; l < k_lanes; ++l) values[l] = s[i + l] + z[i + l];
      for (index_t l = 0; l < k_lanes; ++l) values[l] = f(values[l]);
      for (index_t l = 0; l < k_lanes; ++l) x[i + l] = values[l];
    }
    for (; i < X.rows; ++i) x[i] = f(s[i] + z[i]);
  }
}

template <class Row, class T, bool Derivative>
[[gnu::always_inline]] inline void apply_row(double alpha, const ConstMatrixView<T>& S,
                                             const ConstMatrixView<T>& Z, const MatrixView<T>& X) {
  const Row row = row_with<Row>(alpha);
  if constexpr (Derivative)
    for_each_entry<T>(S, Z, X, [row](T x) { return row.derivative(x); });
  else
    for_each_entry<T>(S, Z, X, [row](T x) { return row(x); });
}

template <class Row, class T, bool Derivative>
void loop_of_row(double alpha, ConstMatrixView<T> S, ConstMatrixView<T> Z, MatrixView<T> X) {
  apply_row<Row, T, Derivative>(alpha, S, Z, X);
}

#if defined(__GNUC__) && defined(__x86_64__)
template <class Row, class T, bool Derivative>
[[gnu::target("avx2")]] void loop_of_row_avx2(double alpha, ConstMatrixView<T> S,
                                              ConstMatrixView<T> Z, MatrixView<T> X) {
  apply_row<Row, T, Derivative>(alpha, S, Z, X);
}
template <class Row, class T, bool Derivative>
[[gnu::target("avx512f,avx512vl,avx512bw,avx512dq")]] void loop_of_row_avx512(double alpha,
                                                                              ConstMatrixView<T> S,
                                                                              ConstMatrixView<T> Z,
                                                                              MatrixView<T> X) {
  apply_row<Row, T, Derivative>(alpha, S, Z, X);
}
template <class Row, class T, bool Derivative>
inline constexpr std::array<ActivationLoop<T>, 3> k_loops_of_row = {
    loop_of_row<Row, T, Derivative>, loop_of_row_avx2<Row, T, Derivative>,
    loop_of_row_avx512<Row, T, Derivative>};
#else
template <class Row, class T, bool Derivative>
inline constexpr std::array<ActivationLoop<T>, 3> k_loops_of_row = {
    loop_of_row<Row, T, Derivative>, loop_of_row<Row, T, Derivative>,
    loop_of_row<Row, T, Derivative>};
#endif

/// The loops of a row of element type T.
template <class Row, class T>
constexpr ActivationLoops<T> loops_of_row() {
  return {k_loops_of_row<Row, T, false>, k_loops_of_row<Row, T, true>};
}

template <class Row, class T>
concept ActivationRow = requires(const Row row, T x, double alpha) {
  std::string_view(Row::k_name);
  { Row::k_at_zero } -> std::convertible_to<double>;
  { Row::lipschitz(alpha) } -> std::convertible_to<double>;
  { row(x) } -> std::same_as<T>;
  { row.derivative(x) } -> std::same_as<T>;
};

template <template <class> class Phi>
CustomActivation described() {
  static_assert(ActivationRow<Phi<float>, float> && ActivationRow<Phi<double>, double>,
                "an activation has k_name, k_at_zero, lipschitz(alpha), operator() and derivative");
  using Row = Phi<double>;
  CustomActivation custom{.name = Row::k_name,
                          .has_alpha = HasUsualAlpha<Row>,
                          .at_zero = Row::k_at_zero,
                          .lipschitz = [](double alpha) { return double{Row::lipschitz(alpha)}; },
                          .float_loops = loops_of_row<Phi<float>, float>(),
                          .double_loops = loops_of_row<Row, double>()};
  if constexpr (HasUsualAlpha<Row>) custom.usual_alpha = Row::k_usual_alpha;
  return custom;
}

}  // namespace detail

/// The activation Phi, registered. For the CPU; idl/cuda/custom_activation.cuh has its kernels for
/// CUDA devices.
/// @param alpha  the usual one unless said otherwise
/// @throws InvalidArgument as register_activation()
template <template <class> class Phi>
Activation custom_activation(std::optional<double> alpha = std::nullopt) {
  const CustomActivation custom = detail::described<Phi>();
  return register_activation(custom, alpha.value_or(custom.usual_alpha));
}

/// What check_activation() has found.
struct ActivationReport {
  /// One sentence each: what is wrong, at which x, with the values there; at most one of a sort.
  std::vector<std::string> faults;
  /// Where φ' jumps: there the gradient is one of those beside it, and no fault.
  std::vector<double> kinks;
  double steepest = 0.0;  ///< the largest |φ'| found
  double at = 0.0;        ///< where that is

  /// Whether nothing is wrong.
  bool ok() const { return faults.empty(); }
};

/// Compares what a struct says of φ with its values, in float and double: φ' with central
/// differences of φ at 20,000 points of [−20, 20] and some up to 10⁴, |φ'| and the difference
/// quotients with lipschitz(α), φ(0) with k_at_zero, float with double; φ and φ' are finite up to
/// 10⁴ and keep NaN.
IDL_EXPORT ActivationReport check_activation(const CustomActivation& custom, double alpha);

/// Of the activation Phi. @param alpha  the usual one unless said otherwise
template <template <class> class Phi>
ActivationReport check_activation(std::optional<double> alpha = std::nullopt) {
  const CustomActivation custom = detail::described<Phi>();
  return check_activation(custom, alpha.value_or(custom.usual_alpha));
}

}  // namespace idl
