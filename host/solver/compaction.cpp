// SPDX-License-Identifier: MIT
#include "host/solver/compaction.hpp"

#include <utility>
#include <vector>

#include "host/solver/iteration.hpp"
#include "kernels/loop_updates.hpp"

namespace idl::solver {
namespace {

/// More halvings would save an eighth of the products at most.
constexpr std::size_t k_most_levels = 3;

/// The loop over the columns that `indices` names among those of the level above.
template <class T>
struct Level {
  Level(Context& context, index_t width) : indices(context, width), iteration(context, width) {}

  Vector<std::int32_t> indices;
  IterationState<T> iteration;
  std::vector<Matrix<T>> matrices;
  Sequence gather;
  Sequence step;
  Sequence scatter;
};

/// The steps of a level, from those of the level above; `update` is its update.
template <class T, class Update>
std::unique_ptr<Level<T>> make_level(Context& context, const Sequence& above, Update update,
                                     index_t width) {
  auto level = std::make_unique<Level<T>>(context, width);
  auto product = std::get<Gemm<T>>(above[0]);
  auto decision = std::get<UpdateStatus<T>>(above[2]);
  MoveStatus<T> entries = {.whole = {decision.columns, update.step_norms, update.state_norms},
                           .part = {level->iteration.columns(), level->iteration.step_norms(),
                                    level->iteration.state_norms()},
                           .indices = level->indices};
  level->gather.push_back(ListRunning{.status = update.status, .indices = level->indices});
  const auto move_here = [&](ConstMatrixView<T> from) {
    level->matrices.emplace_back(context, from.rows, width);
    const MatrixView<T> to = level->matrices.back();
    level->gather.push_back(GatherColumns<T>{.X = from, .indices = level->indices, .Y = to});
    return to;
  };
  const MatrixView<T> state_above = state_of(update);
  state_of(update) = move_here(state_above);
  for (ConstMatrixView<T>* held : given_to(update)) *held = move_here(*held);
  level->gather.push_back(entries);
  level->scatter = {
      ScatterColumns<T>{.X = state_of(update), .indices = level->indices, .Y = state_above}};
  entries.back = true;
  level->scatter.push_back(entries);

  product.B = state_of(update);
  product.C = product.C.columns(0, width);
  product_of(update) = product.C;
  update.step_norms = entries.part.step_norms;
  update.state_norms = entries.part.state_norms;
  update.status = entries.part.columns.status;
  decision.step_norms = update.step_norms;
  decision.state_norms = update.state_norms;
  const VectorView<std::int32_t> active = decision.columns.active;  // one count for all levels
  decision.columns = entries.part.columns;
  decision.columns.active = active;
  level->step = {product, update, decision};
  return level;
}

template <class T>
class CompactingLoop final : public Program {
 public:
  using Levels = std::vector<std::unique_ptr<Level<T>>>;

  CompactingLoop(Context& context, const Sequence& step, Levels levels,
                 VectorView<const std::int32_t> active, std::int32_t max_iterations)
      : Program(all_of(step, levels)), levels_(std::move(levels)) {
    Backend& backend = *context.backend();
    const auto compile_level = [&](const Sequence& level_step, std::size_t next) {
      const index_t until = next < levels_.size() ? levels_[next]->indices.size() : 0;
      parts_.push_back(backend.compile_while(level_step, active, max_iterations,
                                             static_cast<std::int32_t>(until)));
    };
    compile_level(step, 0);
    for (std::size_t k = 0; k < levels_.size(); ++k) {
      parts_.push_back(backend.compile(levels_[k]->gather));
      compile_level(levels_[k]->step, k + 1);
    }
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level)
      parts_.push_back(backend.compile((*level)->scatter));
  }

  void launch() override {
    for (const auto& part : parts_) part->launch();
  }

 private:
  static Sequence all_of(const Sequence& step, const Levels& levels) {
    Sequence all = step;
    for (const auto& level : levels) {
      append(all, level->gather);
      append(all, level->step);
    }
    for (auto level = levels.rbegin(); level != levels.rend(); ++level)
      append(all, (*level)->scatter);
    return all;
  }

  Levels levels_;  // whose memory the parts use
  std::vector<std::unique_ptr<Program>> parts_;
};

/// The levels that the rule asks for.
template <class T, class Update>
typename CompactingLoop<T>::Levels make_levels(Context& context, const Sequence& step,
                                               const CompactionRule& rule) {
  typename CompactingLoop<T>::Levels levels;
  const auto n = static_cast<double>(std::get<Gemm<T>>(step[0]).C.rows);
  const Sequence* above = &step;
  for (index_t m = std::get<Gemm<T>>(step[0]).C.cols; levels.size() < k_most_levels; m /= 2) {
    if (m / 2 < rule.least_columns || 2.0 * n * n * static_cast<double>(m) < rule.least_flops)
      break;
    levels.push_back(make_level<T>(context, *above, std::get<Update>((*above)[1]), m / 2));
    above = &levels.back()->step;
  }
  return levels;
}

}  // namespace

template <class T>
std::unique_ptr<Program> compile_loop(Context& context, Sequence step,
                                      const IterationState<T>& iteration,
                                      std::int32_t max_iterations, const CompactionRule& rule) {
  typename CompactingLoop<T>::Levels levels;
  if (step.size() == 3 && context.device().kind == DeviceKind::cuda)
    levels = std::holds_alternative<PicardUpdate<T>>(step[1])
                 ? make_levels<T, PicardUpdate<T>>(context, step, rule)
                 : make_levels<T, AdjointUpdate<T>>(context, step, rule);
  if (levels.empty())
    return context.backend()->compile_while(std::move(step), iteration.active(), max_iterations);
  return std::make_unique<CompactingLoop<T>>(context, step, std::move(levels), iteration.active(),
                                             max_iterations);
}

template std::unique_ptr<Program> compile_loop(Context&, Sequence, const IterationState<float>&,
                                               std::int32_t, const CompactionRule&);
template std::unique_ptr<Program> compile_loop(Context&, Sequence, const IterationState<double>&,
                                               std::int32_t, const CompactionRule&);

}  // namespace idl::solver
