// SPDX-License-Identifier: MIT
#include "kernels/loop/compacted.hpp"

#include <utility>

#include "kernels/loop/generic.hpp"
#include "kernels/loop/loop_memory.hpp"

namespace idl {
namespace {

/// More halvings would save an eighth of the products at most.
constexpr std::size_t k_most_levels = 3;

/// The running columns of the level above, moved together.
template <class T>
struct Level {
  FixedPoint<T> solve;
  Sequence gather;
  Sequence scatter;
};

template <class T>
Level<T> make_level(LoopMemory& memory, const FixedPoint<T>& above, index_t width) {
  Level<T> level = {.solve = above, .gather = {}, .scatter = {}};
  FixedPoint<T>& solve = level.solve;
  const auto indices = memory.vector<std::int32_t>(width);
  level.gather.push_back(ListRunning{.status = above.columns.status, .indices = indices});
  const auto gathered = [&](ConstMatrixView<T> from) {
    const auto to = memory.matrix<T>(from.rows, width);
    level.gather.push_back(GatherColumns<T>{.X = from, .indices = indices, .Y = to});
    return to;
  };
  solve.X = gathered(above.X);
  solve.product = above.product.columns(0, width);
  if (above.inner.cols > 0) solve.inner = above.inner.columns(0, width);
  if (auto* picard = std::get_if<PicardMap<T>>(&solve.f)) {
    picard->Z = gathered(picard->Z);
  } else {
    auto& adjoint = std::get<AdjointMap<T>>(solve.f);
    adjoint.G = gathered(adjoint.G);
    adjoint.Psi = gathered(adjoint.Psi);
    adjoint.derivative.reset();
  }
  solve.columns = memory.columns<T>(width);
  solve.step_norms = memory.vector<T>(width);
  solve.state_norms = memory.vector<T>(width);
  solve.start = SolveStart::running;
  MoveStatus<T> entries = {.whole = {above.columns, above.step_norms, above.state_norms},
                           .part = {solve.columns, solve.step_norms, solve.state_norms},
                           .indices = indices};
  level.gather.push_back(entries);
  entries.back = true;
  level.scatter = {ScatterColumns<T>{.X = solve.X, .indices = indices, .Y = above.X}, entries};
  solve.columns.active = above.columns.active;  // one count for all levels
  return level;
}

class CompactedLoop final : public ProgramsInOrder {
 public:
  CompactedLoop(Programs parts, LoopMemory memory)
      : ProgramsInOrder(std::move(parts)), memory_(std::move(memory)) {}
  LoopStrategy strategy() const override { return LoopStrategy::compacted; }

 private:
  LoopMemory memory_;  // of the levels
};

}  // namespace

template <class T>
std::vector<index_t> compacted_widths(const FixedPoint<T>& solve, const CompactionRule& rule) {
  std::vector<index_t> widths;
  if (solve.mix || solve.sweep != Sweep::jacobi) return widths;
  for (index_t m = solve.X.cols; widths.size() < k_most_levels; m /= 2) {
    if (m / 2 < rule.least_columns || product_flops(solve.A, m) < rule.least_flops) break;
    widths.push_back(m / 2);
  }
  return widths;
}

template <class T>
std::unique_ptr<Program> compile_compacted(const std::shared_ptr<Backend>& backend,
                                           const FixedPoint<T>& solve,
                                           const std::vector<index_t>& widths) {
  LoopMemory memory(backend);
  std::vector<Level<T>> levels;
  levels.reserve(widths.size());
  for (const index_t width : widths)
    levels.push_back(make_level<T>(memory, levels.empty() ? solve : levels.back().solve, width));
  Programs parts;
  const SolveSteps steps = steps_of(solve);
  if (!steps.start.empty()) parts.push_back(backend->compile(steps.start));
  const auto compile_level = [&](const Sequence& iteration, std::size_t next) {
    const index_t until = next < widths.size() ? widths[next] : 0;
    parts.push_back(backend->compile_while(iteration, solve.columns.active, loop_iterations(solve),
                                           static_cast<std::int32_t>(until)));
  };
  compile_level(steps.iteration, 0);
  for (std::size_t k = 0; k < levels.size(); ++k) {
    parts.push_back(backend->compile(levels[k].gather));
    compile_level(steps_of(levels[k].solve).iteration, k + 1);
  }
  for (auto level = levels.rbegin(); level != levels.rend(); ++level)
    parts.push_back(backend->compile(level->scatter));
  return std::make_unique<CompactedLoop>(std::move(parts), std::move(memory));
}

template std::vector<index_t> compacted_widths(const FixedPoint<float>&, const CompactionRule&);
template std::vector<index_t> compacted_widths(const FixedPoint<double>&, const CompactionRule&);
template std::unique_ptr<Program> compile_compacted(const std::shared_ptr<Backend>&,
                                                    const FixedPoint<float>&,
                                                    const std::vector<index_t>&);
template std::unique_ptr<Program> compile_compacted(const std::shared_ptr<Backend>&,
                                                    const FixedPoint<double>&,
                                                    const std::vector<index_t>&);

}  // namespace idl
