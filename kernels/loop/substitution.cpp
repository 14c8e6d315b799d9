// SPDX-License-Identifier: MIT
#include "kernels/loop/substitution.hpp"

#include <cstddef>
#include <utility>

namespace idl {
namespace {

/// Of the rows of op(A), A in compressed rows; empty where it is not strictly upper triangular.
template <class T>
RowLevels levels_of(const CsrMap<T>& A, bool transpose) {
  return transpose ? A.transposed_levels : A.levels;
}

/// Whether rows have an order in which each depends on those before it alone.
template <class T>
bool has_order(const LinearMap<T>& A, bool transpose) {
  if (const auto* sparse = std::get_if<CsrMap<T>>(&A))
    return levels_of(*sparse, transpose).offsets.size > 0;
  const auto* grid = std::get_if<BlocksMap<T>>(&A);
  if (grid == nullptr) return std::holds_alternative<StrictlyUpperMap<T>>(A);
  std::size_t on_diagonal = 0;
  for (const MapBlock<T>& block : grid->blocks) {
    if (block.row > block.col) return false;
    if (block.row < block.col) continue;
    if (!has_order(block.map, transpose)) return false;
    ++on_diagonal;
  }
  return grid->heights == grid->widths && on_diagonal == grid->heights.size();
}

/// The steps of one solve, block by block.
template <class T>
class SubstitutionSteps {
 public:
  explicit SubstitutionSteps(const FixedPoint<T>& solve)
      : solve_(solve),
        options_{.transpose = solve.transpose,
                 .accumulate = true,
                 .batch_invariant = solve.batch_invariant},
        update_(update_of(solve)) {}

  /// A block on the diagonal, whose first row is row `at` of X.
  void append_map(Sequence& sequence, const LinearMap<T>& A, index_t at) {
    if (const auto* dense = std::get_if<StrictlyUpperMap<T>>(&A)) {
      append_rows(sequence, dense->A, at, {0, dense->A.rows});
    } else if (const auto* sparse = std::get_if<CsrMap<T>>(&A)) {
      sequence.push_back(
          SubstituteByLevels<T>{.A = solve_.transpose ? sparse->transposed : sparse->A,
                                .levels = levels_of(*sparse, solve_.transpose),
                                .update = next_update({at, sparse->A.rows})});
    } else {
      append_grid(sequence, std::get<BlocksMap<T>>(A), at);
    }
  }

 private:
  void append_grid(Sequence& sequence, const BlocksMap<T>& A, index_t at) {
    const std::size_t count = A.heights.size();
    for (std::size_t step = 0; step < count; ++step) {
      const std::size_t k = solve_.transpose ? step : count - 1 - step;
      for (const MapBlock<T>& block : A.blocks) {
        const std::size_t to = solve_.transpose ? block.col : block.row;
        const std::size_t from = solve_.transpose ? block.row : block.col;
        if (to != k || from == k) continue;
        append(sequence,
               product_steps<T>(block.map,
                                solve_.X.row_range(at + first_of(A.heights, from), A.heights[from]),
                                solve_.product.row_range(at + first_of(A.heights, k), A.heights[k]),
                                options_, solve_.inner));
      }
      for (const MapBlock<T>& block : A.blocks)
        if (block.row == k && block.col == k)
          append_map(sequence, block.map, at + first_of(A.heights, k));
    }
  }

  /// Rows of a dense A.
  void append_rows(Sequence& sequence, const ConstMatrixView<T>& A, index_t at,
                   const RowBlock& rows) {
    if (rows.count <= k_most_substituted_rows) {
      sequence.push_back(Substitute<T>{.A = A.block(rows.first, rows.first, rows.count, rows.count),
                                       .transpose = solve_.transpose,
                                       .update = next_update({at + rows.first, rows.count})});
      return;
    }
    const index_t blocks = (rows.count + k_most_substituted_rows - 1) / k_most_substituted_rows;
    const index_t half = blocks / 2 * k_most_substituted_rows;
    const RowBlock first = {rows.first, half};
    const RowBlock last = {rows.first + half, rows.count - half};
    const RowBlock& known = solve_.transpose ? first : last;
    const RowBlock& others = solve_.transpose ? last : first;
    append_rows(sequence, A, at, known);
    append(sequence,
           product_steps<T>(DenseMap<T>{A.block(first.first, last.first, first.count, last.count)},
                            solve_.X.row_range(at + known.first, known.count),
                            solve_.product.row_range(at + others.first, others.count), options_));
    append_rows(sequence, A, at, others);
  }

  /// Of some rows; after the first ones they join the norms.
  std::variant<PicardUpdate<T>, AdjointUpdate<T>> next_update(const RowBlock& rows) {
    auto part = update_;
    std::visit(
        [&](auto& update) {
          update = rows_of(update, rows);
          update.join = std::exchange(join_, true);
        },
        part);
    return part;
  }

  const FixedPoint<T>& solve_;
  ProductOptions options_;
  std::variant<PicardUpdate<T>, AdjointUpdate<T>> update_;
  bool join_ = false;
};

class Substitution final : public ProgramsInOrder {
 public:
  using ProgramsInOrder::ProgramsInOrder;
  LoopStrategy strategy() const override { return LoopStrategy::substitution; }
};

}  // namespace

template <class T>
bool can_be_substituted(const FixedPoint<T>& solve) {
  return has_order(solve.A, solve.transpose) && solve.decision.max_iterations > 0;
}

template <class T>
Sequence substitution_steps(const FixedPoint<T>& solve) {
  Sequence sequence = reset_of(solve);
  sequence.push_back(Fill<T>{.Y = solve.product});
  SubstitutionSteps<T>(solve).append_map(sequence, solve.A, 0);
  sequence.push_back(decision_of(solve));
  return sequence;
}

template <class T>
std::unique_ptr<Program> compile_substitution(Backend& backend, const FixedPoint<T>& solve) {
  return std::make_unique<Substitution>(Programs{backend.compile(substitution_steps(solve))});
}

template bool can_be_substituted(const FixedPoint<float>&);
template bool can_be_substituted(const FixedPoint<double>&);
template Sequence substitution_steps(const FixedPoint<float>&);
template Sequence substitution_steps(const FixedPoint<double>&);
template std::unique_ptr<Program> compile_substitution(Backend&, const FixedPoint<float>&);
template std::unique_ptr<Program> compile_substitution(Backend&, const FixedPoint<double>&);

}  // namespace idl
