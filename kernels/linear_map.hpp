// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
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

/// A = LRᵀ, with as many columns of L as of R: the rank at most. Its entries are never made; what
/// lies between the two products, RᵀX or LᵀX, is memory that a product is given. Its row sums are
/// those of |L||R|ᵀ, which bound those of |A| and the rounding of both products. Underflow between
/// them is not told from other underflow: factors of like size are expected.
template <class T>
struct LowRankMap {
  ConstMatrixView<T> L;
  ConstMatrixView<T> R;
};

template <class T>
using LinearMap = std::variant<DenseMap<T>, StrictlyUpperMap<T>, CsrMap<T>, LowRankMap<T>>;

template <class Kind>
inline constexpr bool k_is_sparse = false;
template <class T>
inline constexpr bool k_is_sparse<CsrMap<T>> = true;
template <class Kind>
inline constexpr bool k_is_low_rank = false;
template <class T>
inline constexpr bool k_is_low_rank<LowRankMap<T>> = true;

template <class T>
index_t rows(const LinearMap<T>& map) {
  return std::visit(
      []<class Kind>(const Kind& kind) {
        if constexpr (k_is_low_rank<Kind>)
          return kind.L.rows;
        else
          return kind.A.rows;
      },
      map);
}

template <class T>
index_t cols(const LinearMap<T>& map) {
  return std::visit(
      []<class Kind>(const Kind& kind) {
        if constexpr (k_is_low_rank<Kind>)
          return kind.R.rows;
        else
          return kind.A.cols;
      },
      map);
}

/// Rows of what lies between the two products of A = LRᵀ; 0 for every other A.
template <class T>
index_t inner_rows(const LinearMap<T>& map) {
  const auto* low_rank = std::get_if<LowRankMap<T>>(&map);
  return low_rank != nullptr ? low_rank->L.cols : 0;
}

/// Terms of the longest sum that makes an entry of Ax or Aᵀx, of both sums where one is made of the
/// other: k of the rounding bound γ_k.
template <class T>
index_t terms_per_row(const LinearMap<T>& map) {
  if (const auto* sparse = std::get_if<CsrMap<T>>(&map)) return sparse->longest_row;
  const bool low_rank = std::holds_alternative<LowRankMap<T>>(map);
  return low_rank ? std::max(rows(map), cols(map)) + inner_rows(map) : cols(map);
}

/// Numbers that make up A.
template <class T>
index_t stored_entries(const LinearMap<T>& map) {
  if (const auto* sparse = std::get_if<CsrMap<T>>(&map)) return sparse->A.nnz;
  const bool low_rank = std::holds_alternative<LowRankMap<T>>(map);
  return low_rank ? (rows(map) + cols(map)) * inner_rows(map) : rows(map) * cols(map);
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
        if constexpr (k_is_sparse<Kind> || k_is_low_rank<Kind>)
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

/// The steps of Y <- AX, or Y <- AᵀX, or Y <- Y + AX. `inner` has inner_rows(map) rows and columns
/// for all of X; what it holds is lost.
template <class T>
Sequence product_steps(const LinearMap<T>& map, ConstMatrixView<T> X, MatrixView<T> Y,
                       const ProductOptions& options = {}, MatrixView<T> inner = {}) {
  const T beta = options.accumulate ? T(1) : T(0);
  return std::visit(
      [&]<class Kind>(const Kind& kind) -> Sequence {
        if constexpr (k_is_sparse<Kind>) {
          return {Spmm<T>{
              .A = options.transpose ? kind.transposed : kind.A, .B = X, .C = Y, .beta = beta}};
        } else if constexpr (k_is_low_rank<Kind>) {
          const MatrixView<T> between = inner.columns(0, X.cols);
          return {Gemm<T>{.A = options.transpose ? kind.L : kind.R,
                          .B = X,
                          .C = between,
                          .transpose_A = true,
                          .batch_invariant = options.batch_invariant},
                  Gemm<T>{.A = options.transpose ? kind.R : kind.L,
                          .B = between,
                          .C = Y,
                          .beta = beta,
                          .batch_invariant = options.batch_invariant}};
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
        } else if constexpr (k_is_low_rank<Kind>) {
          LowRankMap<T> part = kind;
          ConstMatrixView<T>& cut = transpose ? part.R : part.L;
          cut = cut.row_range(first, count);
          return part;
        } else {
          return DenseMap<T>{transpose ? kind.A.columns(first, count)
                                       : kind.A.row_range(first, count)};
        }
      },
      map);
}

/// The steps of sums_i <- Σ_j |A_ij|, of A = LRᵀ of the bound (|L||R|ᵀ1)_i of it; `inner` has
/// inner_rows(map) elements, and what it holds is lost.
template <class T>
Sequence row_abs_sum_steps(const LinearMap<T>& map, VectorView<T> sums, VectorView<T> inner = {}) {
  return std::visit(
      [&]<class Kind>(const Kind& kind) -> Sequence {
        if constexpr (k_is_sparse<Kind>)
          return {CsrRowAbsSums<T>{kind.A, sums}};
        else if constexpr (k_is_low_rank<Kind>)
          return {ColumnNorms<T>{.X = kind.R, .norms = inner, .kind = NormKind::one},
                  RowAbsSums<T>{.A = kind.L, .sums = sums, .weights = inner}};
        else
          return {RowAbsSums<T>{kind.A, sums}};
      },
      map);
}

/// Whether there are steps of |A|v: of LRᵀ the magnitudes of its entries are not known.
template <class T>
bool has_abs_product(const LinearMap<T>& map) {
  return !std::holds_alternative<LowRankMap<T>>(map);
}

/// The steps of y_i <- Σ_j |A_ij| v_j, in double whatever T is; none without has_abs_product().
template <class T>
Sequence abs_product_steps(const LinearMap<T>& map, VectorView<const double> v,
                           VectorView<double> y) {
  return std::visit(
      [&]<class Kind>(const Kind& kind) -> Sequence {
        if constexpr (k_is_low_rank<Kind>)
          return {};
        else
          return {AbsProduct<T>{kind.A, v, y}};
      },
      map);
}

}  // namespace idl
