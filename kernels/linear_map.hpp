// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <variant>

#include "idl/matrix.hpp"
#include "kernels/primitives.hpp"

/// What multiplies the state, as a value: a view of numbers whose owner outlives it. Solvers,
/// certificates and programs ask it what they need; which kind it is concerns the products alone.
namespace idl {

/// All entries are stored.
template <class T>
struct DenseMap {
  ConstMatrixView<T> A;
};

/// All entries are stored, and those on and below the diagonal are 0: Aⁿ = 0.
template <class T>
struct StrictlyUpperMap {
  ConstMatrixView<T> A;
};

/// The entries that are not stored are 0.
template <class T>
struct CsrMap {
  ConstCsrView<T> A;
  /// Aᵀ, with the same values in the order of its own rows, for what multiplies by it; elsewhere
  /// empty.
  ConstCsrView<T> transposed{};
  index_t longest_row = 0;  ///< entries of the longest row of A or of Aᵀ
};

template <class T>
using LinearMap = std::variant<DenseMap<T>, StrictlyUpperMap<T>, CsrMap<T>>;

template <class Kind>
inline constexpr bool k_is_sparse = false;
template <class T>
inline constexpr bool k_is_sparse<CsrMap<T>> = true;

template <class T>
index_t rows(const LinearMap<T>& map) {
  return std::visit([](const auto& kind) { return kind.A.rows; }, map);
}

template <class T>
index_t cols(const LinearMap<T>& map) {
  return std::visit([](const auto& kind) { return kind.A.cols; }, map);
}

/// Terms of the longest sum that makes an entry of Ax or Aᵀx: k of the rounding bound γ_k.
template <class T>
index_t terms_per_row(const LinearMap<T>& map) {
  const auto* sparse = std::get_if<CsrMap<T>>(&map);
  return sparse != nullptr ? sparse->longest_row : cols(map);
}

/// Entries of A that are stored.
template <class T>
index_t stored_entries(const LinearMap<T>& map) {
  const auto* sparse = std::get_if<CsrMap<T>>(&map);
  return sparse != nullptr ? sparse->A.nnz : rows(map) * cols(map);
}

/// Floating-point operations of AX with m columns.
template <class T>
double product_flops(const LinearMap<T>& map, index_t m) {
  return 2.0 * static_cast<double>(stored_entries(map)) * static_cast<double>(m);
}

/// The array of all entries, where there is one.
template <class T>
std::optional<ConstMatrixView<T>> entries_of(const LinearMap<T>& map) {
  return std::visit(
      []<class Kind>(const Kind& kind) -> std::optional<ConstMatrixView<T>> {
        if constexpr (k_is_sparse<Kind>)
          return std::nullopt;
        else
          return kind.A;
      },
      map);
}

/// How a product with a map is made.
struct ProductOptions {
  bool transpose = false;        ///< AᵀX in the place of AX
  bool accumulate = false;       ///< added to what Y holds
  bool batch_invariant = false;  ///< as Gemm has it
};

/// The steps of Y <- AX, or Y <- AᵀX, or Y <- Y + AX.
template <class T>
Sequence product_steps(const LinearMap<T>& map, ConstMatrixView<T> X, MatrixView<T> Y,
                       const ProductOptions& options = {}) {
  const T beta = options.accumulate ? T(1) : T(0);
  return std::visit(
      [&]<class Kind>(const Kind& kind) -> Sequence {
        if constexpr (k_is_sparse<Kind>) {
          return {Spmm<T>{
              .A = options.transpose ? kind.transposed : kind.A, .B = X, .C = Y, .beta = beta}};
        } else {
          return {Gemm<T>{.A = kind.A,
                          .B = X,
                          .C = Y,
                          .transpose_A = options.transpose,
                          .beta = beta,
                          .batch_invariant = options.batch_invariant}};
        }
      },
      map);
}

/// Rows [first, first + count) of A, or of Aᵀ, which is then the transpose of what is returned.
template <class T>
LinearMap<T> rows_of(const LinearMap<T>& map, index_t first, index_t count, bool transpose) {
  return std::visit(
      [&]<class Kind>(const Kind& kind) -> LinearMap<T> {
        if constexpr (k_is_sparse<Kind>) {
          CsrMap<T> part = {.A = {}, .longest_row = kind.longest_row};
          (transpose ? part.transposed : part.A) =
              (transpose ? kind.transposed : kind.A).row_range(first, count);
          return part;
        } else {
          return DenseMap<T>{transpose ? kind.A.columns(first, count)
                                       : kind.A.row_range(first, count)};
        }
      },
      map);
}

/// The steps of sums_i <- Σ_j |A_ij|.
template <class T>
Sequence row_abs_sum_steps(const LinearMap<T>& map, VectorView<T> sums) {
  return std::visit(
      [&]<class Kind>(const Kind& kind) -> Sequence {
        if constexpr (k_is_sparse<Kind>)
          return {CsrRowAbsSums<T>{kind.A, sums}};
        else
          return {RowAbsSums<T>{kind.A, sums}};
      },
      map);
}

}  // namespace idl
