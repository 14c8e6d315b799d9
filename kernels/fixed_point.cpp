// SPDX-License-Identifier: MIT
#include "kernels/fixed_point.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "kernels/operand_checks.hpp"
#include "kernels/validate.hpp"

namespace idl {
namespace {

/// Smaller blocks save hardly any iteration, and products of fewer rows are slower.
constexpr index_t k_least_rows = 32;
/// More blocks would only make the products of large models smaller.
constexpr index_t k_most_blocks = 16;

/// Each column's decision, and for those that go on the acceleration.
template <class T>
void append_decision(Sequence& sequence, const FixedPoint<T>& solve) {
  sequence.push_back(decision_of(solve));
  if (const auto mix = mix_of(solve)) sequence.push_back(*mix);
}

template <class T>
Sequence start_of(const FixedPoint<T>& solve) {
  Sequence sequence = reset_of(solve);
  if (solve.start == SolveStart::running) return sequence;
  if (solve.start == SolveStart::zero) sequence.push_back(Fill<T>{.Y = solve.X});
  if (solve.mix) sequence.push_back(CopyMatrix<T>{.X = solve.X, .Y = solve.mix->Y});
  if (!starts_from_zero(solve)) return sequence;
  sequence.push_back(Fill<T>{.Y = solve.product});
  std::visit([&](const auto& update) { sequence.emplace_back(update); }, update_of(solve));
  append_decision(sequence, solve);
  return sequence;
}

}  // namespace

std::vector<RowBlock> row_blocks(Sweep sweep, index_t n) {
  if (sweep != Sweep::gauss_seidel || n == 0) return {{0, n}};
  const index_t sixteenth = (n + k_most_blocks - 1) / k_most_blocks;
  const index_t rows = (sixteenth + k_least_rows - 1) / k_least_rows * k_least_rows;
  std::vector<RowBlock> blocks;
  for (index_t first = 0; first < n; first += rows)
    blocks.push_back({first, std::min(rows, n - first)});
  return blocks;
}

template <class T>
std::variant<PicardUpdate<T>, AdjointUpdate<T>> update_of(const FixedPoint<T>& solve) {
  if (const auto* map = std::get_if<PicardMap<T>>(&solve.f))
    return PicardUpdate<T>{.S = solve.product,
                           .Z = map->Z,
                           .X = solve.X,
                           .activation = map->activation,
                           .step_norms = solve.step_norms,
                           .state_norms = solve.state_norms,
                           .status = solve.columns.status};
  const auto& map = std::get<AdjointMap<T>>(solve.f);
  return AdjointUpdate<T>{.W = solve.product,
                          .G = map.G,
                          .Psi = map.Psi,
                          .V = solve.X,
                          .step_norms = solve.step_norms,
                          .state_norms = solve.state_norms,
                          .status = solve.columns.status};
}

template <class T>
UpdateStatus<T> decision_of(const FixedPoint<T>& solve) {
  const Decision<T>& decision = solve.decision;
  return {.step_norms = solve.step_norms,
          .state_norms = solve.state_norms,
          .columns = solve.columns,
          .contraction = decision.contraction,
          .absolute = decision.absolute,
          .relative = decision.relative,
          .rounding = decision.rounding,
          .certified = decision.certified,
          .max_iterations = decision.max_iterations};
}

template <class T>
std::optional<AndersonMix<T>> mix_of(const FixedPoint<T>& solve) {
  if (!solve.mix) return std::nullopt;
  const AndersonHistory<T>& history = *solve.mix;
  return AndersonMix<T>{.X = solve.X,
                        .Y = history.Y,
                        .F_even = history.F_even,
                        .G_even = history.G_even,
                        .F_odd = history.F_odd,
                        .G_odd = history.G_odd,
                        .accepted = history.accepted,
                        .points = history.points,
                        .fallbacks = solve.columns.fallbacks,
                        .step_norms = solve.step_norms,
                        .status = solve.columns.status,
                        .iterations = solve.columns.iterations};
}

template <class T>
Sequence reset_of(const FixedPoint<T>& solve) {
  Sequence sequence;
  if (solve.start == SolveStart::running) return sequence;
  const auto* adjoint = std::get_if<AdjointMap<T>>(&solve.f);
  if (adjoint != nullptr && adjoint->derivative) sequence.push_back(*adjoint->derivative);
  sequence.push_back(ResetStatus<T>{solve.columns, solve.step_norms, solve.state_norms});
  return sequence;
}

template <class T>
SolveSteps steps_of(const FixedPoint<T>& solve) {
  SolveSteps steps = {.start = start_of(solve), .iteration = {}};
  const ProductOptions options = {.transpose = solve.transpose,
                                  .batch_invariant = solve.batch_invariant};
  const auto blocks = row_blocks(solve.sweep, solve.X.rows);
  for (const RowBlock& rows : blocks) {
    const LinearMap<T> A =
        blocks.size() == 1 ? solve.A : rows_of(solve.A, rows.first, rows.count, solve.transpose);
    append(steps.iteration,
           product_steps<T>(A, solve.X, solve.product.row_range(rows.first, rows.count), options,
                            solve.inner));
    std::visit([&](const auto& update) { steps.iteration.emplace_back(rows_of(update, rows)); },
               update_of(solve));
  }
  append_decision(steps.iteration, solve);
  return steps;
}

namespace {

/// Whether the blocks fit their places, each of which has one.
template <class T>
void check_grid(const OperandChecks& checks, const BlocksMap<T>& A) {
  const MapBlock<T>* before = nullptr;
  for (const MapBlock<T>& block : A.blocks) {
    const std::string name =
        "block (" + std::to_string(block.row) + ", " + std::to_string(block.col) + ") of A";
    if (block.row >= A.heights.size() || block.col >= A.widths.size())
      checks.fail(name + " lies outside the grid of " +
                  OperandChecks::shape(static_cast<index_t>(A.heights.size()),
                                       static_cast<index_t>(A.widths.size())));
    if (before != nullptr && std::pair(before->row, before->col) >= std::pair(block.row, block.col))
      checks.fail(name + " comes after one of its row or of a later one");
    if (rows(block.map) != A.heights[block.row] || cols(block.map) != A.widths[block.col])
      checks.fail(name + " is " + OperandChecks::shape(rows(block.map), cols(block.map)) +
                  ", its place is " +
                  OperandChecks::shape(A.heights[block.row], A.widths[block.col]));
    if (const auto* grid = std::get_if<BlocksMap<T>>(&block.map)) check_grid(checks, *grid);
    before = &block;
  }
}

}  // namespace

template <class T>
void validate(const FixedPoint<T>& solve, Device device) {
  const OperandChecks checks("FixedPoint", device);
  const index_t n = rows(solve.A);
  if (const auto* grid = std::get_if<BlocksMap<T>>(&solve.A)) {
    check_grid(checks, *grid);
    if (solve.inner.rows < inner_rows(solve.A))
      checks.fail("inner has " + std::to_string(solve.inner.rows) + " rows, blocks of A need " +
                  std::to_string(inner_rows(solve.A)));
  }
  if (cols(solve.A) != n)
    checks.fail("A is " + OperandChecks::shape(n, cols(solve.A)) + ", expected a square");
  checks.equal("X", solve.X.rows, "rows", "A", n, "rows");
  checks.same_shape("product", solve.product, "X", solve.X);
  if (const auto* low_rank = std::get_if<LowRankMap<T>>(&solve.A)) {
    checks.equal("R", low_rank->R.cols, "columns", "L", low_rank->L.cols, "columns");
    checks.equal("inner", solve.inner.rows, "rows", "L", low_rank->L.cols, "columns");
    checks.equal("inner", solve.inner.cols, "columns", "X", solve.X.cols, "columns");
  }
  if (const auto* map = std::get_if<PicardMap<T>>(&solve.f)) {
    checks.same_shape("Z", map->Z, "X", solve.X);
  } else {
    const auto& adjoint = std::get<AdjointMap<T>>(solve.f);
    checks.same_shape("G", adjoint.G, "X", solve.X);
    checks.same_shape("Psi", adjoint.Psi, "X", solve.X);
    if (adjoint.derivative && adjoint.derivative->Psi.data != adjoint.Psi.data)
      checks.fail("the derivative makes another Psi");
  }
  if (solve.sweep == Sweep::automatic) checks.fail("sweep is automatic, expected one that is not");
  if (solve.mix && solve.columns.fallbacks.size != solve.X.cols)
    checks.fail("fallbacks has " + std::to_string(solve.columns.fallbacks.size) +
                " elements, X has " + std::to_string(solve.X.cols) + " columns to be mixed");
  const SolveSteps steps = steps_of(solve);
  validate(steps.start, device);
  validate(steps.iteration, device);
}

template void validate(const FixedPoint<float>&, Device);
template void validate(const FixedPoint<double>&, Device);
template std::variant<PicardUpdate<float>, AdjointUpdate<float>> update_of(
    const FixedPoint<float>&);
template std::variant<PicardUpdate<double>, AdjointUpdate<double>> update_of(
    const FixedPoint<double>&);
template UpdateStatus<float> decision_of(const FixedPoint<float>&);
template UpdateStatus<double> decision_of(const FixedPoint<double>&);
template std::optional<AndersonMix<float>> mix_of(const FixedPoint<float>&);
template std::optional<AndersonMix<double>> mix_of(const FixedPoint<double>&);
template Sequence reset_of(const FixedPoint<float>&);
template Sequence reset_of(const FixedPoint<double>&);
template SolveSteps steps_of(const FixedPoint<float>&);
template SolveSteps steps_of(const FixedPoint<double>&);

}  // namespace idl
