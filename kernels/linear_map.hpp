// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <optional>
#include <variant>
#include <vector>

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
  RowLevels levels{};       ///< of an A that is strictly upper triangular; elsewhere empty
  RowLevels transposed_levels{};
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
struct BlocksMap;
template <class T>
using LinearMap =
    std::variant<DenseMap<T>, StrictlyUpperMap<T>, CsrMap<T>, LowRankMap<T>, BlocksMap<T>>;
template <class T>
struct MapBlock;

/// A grid of maps: what several models make together where the states of one are inputs of another.
/// A block that is not there is 0.
template <class T>
struct BlocksMap {
  std::vector<index_t> heights;     ///< rows of A in each row of the grid
  std::vector<index_t> widths;      ///< columns of A in each column of the grid
  std::vector<MapBlock<T>> blocks;  ///< row after row of the grid, and in each from left to right
};

template <class T>
struct MapBlock {
  std::size_t row = 0;  ///< of the grid
  std::size_t col = 0;
  LinearMap<T> map;
};

template <class Kind>
inline constexpr bool k_is_sparse = false;
template <class T>
inline constexpr bool k_is_sparse<CsrMap<T>> = true;
template <class Kind>
inline constexpr bool k_is_low_rank = false;
template <class T>
inline constexpr bool k_is_low_rank<LowRankMap<T>> = true;
template <class Kind>
inline constexpr bool k_is_blocks = false;
template <class T>
inline constexpr bool k_is_blocks<BlocksMap<T>> = true;

/// Where piece k begins among pieces of these sizes.
inline index_t first_of(const std::vector<index_t>& sizes, std::size_t k) {
  return std::accumulate(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(k), index_t(0));
}
inline index_t sum_of(const std::vector<index_t>& sizes) { return first_of(sizes, sizes.size()); }

/// The largest of_block(map) among the blocks.
template <class T, class OfBlock>
index_t most_of_blocks(const BlocksMap<T>& A, const OfBlock& of_block) {
  index_t most = 0;
  for (const MapBlock<T>& block : A.blocks) most = std::max(most, of_block(block.map));
  return most;
}

template <class T>
index_t rows(const LinearMap<T>& map) {
  return std::visit(
      []<class Kind>(const Kind& kind) {
        if constexpr (k_is_blocks<Kind>)
          return sum_of(kind.heights);
        else if constexpr (k_is_low_rank<Kind>)
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
        if constexpr (k_is_blocks<Kind>)
          return sum_of(kind.widths);
        else if constexpr (k_is_low_rank<Kind>)
          return kind.R.rows;
        else
          return kind.A.cols;
      },
      map);
}

/// Rows of what lies between the two products of A = LRᵀ, or of such a block; 0 for every other A.
template <class T>
index_t inner_rows(const LinearMap<T>& map) {
  if (const auto* grid = std::get_if<BlocksMap<T>>(&map))
    return most_of_blocks(*grid, inner_rows<T>);
  const auto* low_rank = std::get_if<LowRankMap<T>>(&map);
  return low_rank != nullptr ? low_rank->L.cols : 0;
}

/// The array of all entries, where there is one.
template <class T>
std::optional<ConstMatrixView<T>> entries_of(const LinearMap<T>& map) {
  return std::visit(
      []<class Kind>(const Kind& kind) -> std::optional<ConstMatrixView<T>> {
        if constexpr (k_is_sparse<Kind> || k_is_low_rank<Kind> || k_is_blocks<Kind>)
          return std::nullopt;
        else
          return kind.A;
      },
      map);
}

/// Terms of the longest sum that makes an entry of Ax or Aᵀx, of both sums where one is made of the
/// other: k of the rounding bound γ_k.
template <class T>
index_t terms_per_row(const LinearMap<T>& map) {
  if (const auto* grid = std::get_if<BlocksMap<T>>(&map)) {
    std::vector<index_t> of_rows(grid->heights.size(), 0);
    std::vector<index_t> of_cols(grid->widths.size(), 0);
    for (const MapBlock<T>& block : grid->blocks) {
      const bool all_stored = entries_of(block.map).has_value();
      const index_t terms =
          all_stored ? std::max(rows(block.map), cols(block.map)) : terms_per_row(block.map);
      of_rows[block.row] += terms;
      of_cols[block.col] += terms;
    }
    index_t most = 0;
    for (const auto* sums : {&of_rows, &of_cols})
      for (const index_t terms : *sums) most = std::max(most, terms);
    return most;
  }
  if (const auto* sparse = std::get_if<CsrMap<T>>(&map)) return sparse->longest_row;
  const bool low_rank = std::holds_alternative<LowRankMap<T>>(map);
  return low_rank ? std::max(rows(map), cols(map)) + inner_rows(map) : cols(map);
}

/// Numbers that make up A.
template <class T>
index_t stored_entries(const LinearMap<T>& map) {
  if (const auto* grid = std::get_if<BlocksMap<T>>(&map)) {
    index_t sum = 0;
    for (const MapBlock<T>& block : grid->blocks) sum += stored_entries(block.map);
    return sum;
  }
  if (const auto* sparse = std::get_if<CsrMap<T>>(&map)) return sparse->A.nnz;
  const bool low_rank = std::holds_alternative<LowRankMap<T>>(map);
  return low_rank ? (rows(map) + cols(map)) * inner_rows(map) : rows(map) * cols(map);
}

/// Floating-point operations of AX with m columns.
template <class T>
double product_flops(const LinearMap<T>& map, index_t m) {
  return 2.0 * static_cast<double>(stored_entries(map)) * static_cast<double>(m);
}

/// How a product with a map is made.
struct ProductOptions {
  bool transpose = false;        ///< AᵀX in the place of AX
  bool accumulate = false;       ///< added to what Y holds
  bool batch_invariant = false;  ///< as Gemm has it
};

/// The steps of Y <- AX, or Y <- AᵀX, or Y <- Y + AX. `inner` has inner_rows(map) rows, or more,
/// and columns for all of X; what it holds is lost.
template <class T>
Sequence product_steps(const LinearMap<T>& map, ConstMatrixView<T> X, MatrixView<T> Y,
                       const ProductOptions& options = {}, MatrixView<T> inner = {});

/// The same of a grid, block by block. Rows of Y that no block reaches are made 0.
template <class T>
Sequence product_steps_of_blocks(const BlocksMap<T>& A, ConstMatrixView<T> X, MatrixView<T> Y,
                                 const ProductOptions& options, MatrixView<T> inner) {
  const std::vector<index_t>& to = options.transpose ? A.widths : A.heights;
  const std::vector<index_t>& from = options.transpose ? A.heights : A.widths;
  std::vector<bool> begun(to.size(), options.accumulate);
  Sequence sequence;
  for (const MapBlock<T>& block : A.blocks) {
    const std::size_t i = options.transpose ? block.col : block.row;
    const std::size_t j = options.transpose ? block.row : block.col;
    ProductOptions part = options;
    part.accumulate = begun[i];
    begun[i] = true;
    append(sequence, product_steps<T>(block.map, X.row_range(first_of(from, j), from[j]),
                                      Y.row_range(first_of(to, i), to[i]), part, inner));
  }
  for (std::size_t i = 0; i < to.size(); ++i)
    if (!begun[i]) sequence.push_back(Fill<T>{.Y = Y.row_range(first_of(to, i), to[i])});
  return sequence;
}

template <class T>
Sequence product_steps(const LinearMap<T>& map, ConstMatrixView<T> X, MatrixView<T> Y,
                       const ProductOptions& options, MatrixView<T> inner) {
  const T beta = options.accumulate ? T(1) : T(0);
  return std::visit(
      [&]<class Kind>(const Kind& kind) -> Sequence {
        if constexpr (k_is_blocks<Kind>) {
          return product_steps_of_blocks<T>(kind, X, Y, options, inner);
        } else if constexpr (k_is_sparse<Kind>) {
          return {Spmm<T>{
              .A = options.transpose ? kind.transposed : kind.A, .B = X, .C = Y, .beta = beta}};
        } else if constexpr (k_is_low_rank<Kind>) {
          const MatrixView<T> between = inner.block(0, 0, kind.L.cols, X.cols);
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
        if constexpr (k_is_blocks<Kind>) {
          BlocksMap<T> part = {kind.heights, kind.widths, {}};
          std::vector<index_t>& sizes = transpose ? part.widths : part.heights;
          std::vector<index_t> begins(sizes.size());  // of what is left, within each piece
          for (std::size_t k = 0; k < sizes.size(); ++k) {
            const index_t at = first_of(transpose ? kind.widths : kind.heights, k);
            begins[k] = std::clamp<index_t>(first - at, 0, sizes[k]);
            sizes[k] = std::clamp<index_t>(first + count - at, 0, sizes[k]) - begins[k];
          }
          for (const MapBlock<T>& block : kind.blocks) {
            const std::size_t k = transpose ? block.col : block.row;
            if (sizes[k] > 0)
              part.blocks.push_back(
                  {block.row, block.col, rows_of(block.map, begins[k], sizes[k], transpose)});
          }
          return part;
        } else if constexpr (k_is_sparse<Kind>) {
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

/// Elements that row_abs_sum_steps() and abs_product_steps() need beside the sums.
template <class T>
index_t partial_sums(const LinearMap<T>& map) {
  const auto* grid = std::get_if<BlocksMap<T>>(&map);
  if (grid == nullptr) return inner_rows(map);
  const index_t highest = grid->heights.empty() ? 0 : std::ranges::max(grid->heights);
  return highest + most_of_blocks(*grid, partial_sums<T>);
}

/// The steps of sums_i <- Σ over the blocks of the i-th row of steps_of_block(block, sums, rest):
/// those of the first block of a row fill its sums, others are added from `partial`.
template <class T, class E, class StepsOfBlock>
Sequence sum_blocks(const BlocksMap<T>& A, VectorView<E> sums, VectorView<E> partial,
                    const StepsOfBlock& steps_of_block) {
  const auto as_matrix = [](VectorView<E> x) {
    return MatrixView<E>{x.data, x.size, 1, std::max<index_t>(x.size, 1), x.device};
  };
  std::vector<bool> begun(A.heights.size(), false);
  Sequence sequence;
  for (const MapBlock<T>& block : A.blocks) {
    const index_t height = A.heights[block.row];
    const auto own = partial.range(0, height);
    const auto rest = partial.range(height, partial.size - height);
    const auto to = sums.range(first_of(A.heights, block.row), height);
    append(sequence, steps_of_block(block, begun[block.row] ? own : to, rest));
    if (begun[block.row])
      sequence.push_back(AddScaled<E>{.X = as_matrix(own), .Y = as_matrix(to), .alpha = E(1)});
    begun[block.row] = true;
  }
  for (std::size_t i = 0; i < begun.size(); ++i)
    if (!begun[i])
      sequence.push_back(Fill<E>{.Y = as_matrix(sums.range(first_of(A.heights, i), A.heights[i]))});
  return sequence;
}

/// The steps of sums_i <- Σ_j |A_ij|, of A = LRᵀ of the bound (|L||R|ᵀ1)_i of it; `partial` has
/// partial_sums(map) elements, and what it holds is lost.
template <class T>
Sequence row_abs_sum_steps(const LinearMap<T>& map, VectorView<T> sums,
                           VectorView<T> partial = {}) {
  return std::visit(
      [&]<class Kind>(const Kind& kind) -> Sequence {
        if constexpr (k_is_blocks<Kind>)
          return sum_blocks<T, T>(kind, sums, partial,
                                  [](const auto& block, VectorView<T> to, VectorView<T> rest) {
                                    return row_abs_sum_steps<T>(block.map, to, rest);
                                  });
        else if constexpr (k_is_sparse<Kind>)
          return {CsrRowAbsSums<T>{kind.A, sums}};
        else if constexpr (k_is_low_rank<Kind>)
          return {
              ColumnNorms<T>{
                  .X = kind.R, .norms = partial.range(0, kind.R.cols), .kind = NormKind::one},
              RowAbsSums<T>{.A = kind.L, .sums = sums, .weights = partial.range(0, kind.R.cols)}};
        else
          return {RowAbsSums<T>{kind.A, sums}};
      },
      map);
}

/// Whether there are steps of |A|v: of LRᵀ the magnitudes of its entries are not known.
template <class T>
bool has_abs_product(const LinearMap<T>& map) {
  if (const auto* grid = std::get_if<BlocksMap<T>>(&map))
    return std::ranges::all_of(grid->blocks, has_abs_product<T>, &MapBlock<T>::map);
  return !std::holds_alternative<LowRankMap<T>>(map);
}

/// The steps of y_i <- Σ_j |A_ij| v_j, in double whatever T is; none without has_abs_product().
/// `partial` is as in row_abs_sum_steps().
template <class T>
Sequence abs_product_steps(const LinearMap<T>& map, VectorView<const double> v,
                           VectorView<double> y, VectorView<double> partial = {}) {
  return std::visit(
      [&]<class Kind>(const Kind& kind) -> Sequence {
        if constexpr (k_is_low_rank<Kind>)
          return {};
        else if constexpr (k_is_blocks<Kind>)
          return sum_blocks<T, double>(
              kind, y, partial,
              [&](const auto& block, VectorView<double> to, VectorView<double> rest) {
                const auto of_block =
                    v.range(first_of(kind.widths, block.col), kind.widths[block.col]);
                return abs_product_steps<T>(block.map, of_block, to, rest);
              });
        else
          return {AbsProduct<T>{kind.A, v, y}};
      },
      map);
}

}  // namespace idl
