// SPDX-License-Identifier: MIT
#include "kernels/loop/substitution.hpp"

#include <utility>

namespace idl {
namespace {

/// The steps of one solve, block by block.
template <class T>
class SubstitutionSteps {
 public:
  explicit SubstitutionSteps(const FixedPoint<T>& solve)
      : solve_(solve), A_(std::get<StrictlyUpperMap<T>>(solve.A).A), update_(update_of(solve)) {}

  void append_rows(Sequence& sequence, const RowBlock& rows) {
    if (rows.count <= k_most_substituted_rows) return append_block(sequence, rows);
    const index_t blocks = (rows.count + k_most_substituted_rows - 1) / k_most_substituted_rows;
    const index_t half = blocks / 2 * k_most_substituted_rows;
    const RowBlock first = {rows.first, half};
    const RowBlock last = {rows.first + half, rows.count - half};
    const RowBlock& known = solve_.transpose ? first : last;
    const RowBlock& others = solve_.transpose ? last : first;
    append_rows(sequence, known);
    append(sequence,
           product_steps<T>(DenseMap<T>{A_.block(first.first, last.first, first.count, last.count)},
                            solve_.X.row_range(known.first, known.count),
                            solve_.product.row_range(others.first, others.count),
                            {.transpose = solve_.transpose,
                             .accumulate = true,
                             .batch_invariant = solve_.batch_invariant}));
    append_rows(sequence, others);
  }

 private:
  void append_block(Sequence& sequence, const RowBlock& rows) {
    Substitute<T> block = {.A = A_.block(rows.first, rows.first, rows.count, rows.count),
                           .transpose = solve_.transpose,
                           .update = {}};
    std::visit(
        [&](const auto& update) {
          auto part = rows_of(update, rows);
          part.join = std::exchange(join_, true);
          block.update = part;
        },
        update_);
    sequence.push_back(block);
  }

  const FixedPoint<T>& solve_;
  ConstMatrixView<T> A_;
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
  return std::holds_alternative<StrictlyUpperMap<T>>(solve.A) && solve.decision.max_iterations > 0;
}

template <class T>
Sequence substitution_steps(const FixedPoint<T>& solve) {
  Sequence sequence = reset_of(solve);
  sequence.push_back(Fill<T>{.Y = solve.product});
  SubstitutionSteps<T>(solve).append_rows(sequence, {0, solve.X.rows});
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
