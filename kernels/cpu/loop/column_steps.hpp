// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "idl/detail/column_status.hpp"
#include "kernels/cpu/runtime/lines.hpp"
#include "kernels/fixed_point.hpp"
#include "kernels/loop_updates.hpp"

namespace idl::cpu {

/// The steps of a ColumnLoop beside the product. Rows are multiplied and updated block by block.
template <class T, class Update>
struct ColumnSteps {
  bool from_zero = false;
  std::optional<ActivationDerivative<T>> derivative{};  ///< before the first iteration, from zero
  Update update{};
  UpdateStatus<T> decision{};
  std::optional<AndersonMix<T>> mix{};
  std::vector<RowBlock> blocks{};

  index_t rows() const { return blocks.back().first + blocks.back().count; }
  index_t samples() const { return decision.columns.status.size; }
  /// Whether a run would change anything.
  bool has_work() const {
    return from_zero || (*decision.columns.active.data != 0 && decision.max_iterations != 0);
  }

  /// To those of a batch of the same size, with the same A and the same decision.
  void move_to(const ColumnSteps& batch) {
    update = batch.update;
    decision = batch.decision;
    mix = batch.mix;
  }
  void move_to(const FixedPoint<T>& solve) {
    update = std::get<Update>(update_of(solve));
    decision = decision_of(solve);
    mix = mix_of(solve);
  }
};

template <class T, class Update>
ColumnSteps<T, Update> column_steps(const FixedPoint<T>& solve) {
  ColumnSteps<T, Update> steps;
  steps.from_zero = solve.start == SolveStart::zero;
  if (const auto* adjoint = std::get_if<AdjointMap<T>>(&solve.f); steps.from_zero && adjoint)
    steps.derivative = adjoint->derivative;
  steps.move_to(solve);
  steps.blocks = row_blocks(solve.sweep, solve.X.rows);
  return steps;
}

template <class T>
std::array<MatrixView<T>*, 5> history_of(AndersonMix<T>& mix) {
  return {&mix.Y, &mix.F_even, &mix.G_even, &mix.F_odd, &mix.G_odd};
}

/// The vectors of a loop, for the columns that one thread has at work, each in a place of its own.
template <class T>
class ColumnVectors {
 public:
  explicit ColumnVectors(std::size_t places) {
    status.assign(places, k_converged);
    for (auto* list : {&iterations, &stalled, &points, &fallbacks}) list->resize(places);
    for (auto* list : {&best_steps, &step_norms, &state_norms, &accepted}) list->resize(places);
  }

  /// Lets steps work on `count` places from `first` on.
  template <class Update>
  void bind(ColumnSteps<T, Update>& steps, std::size_t first, std::size_t count, Device device) {
    const auto view = [&](auto& list) {
      return VectorView<typename std::remove_reference_t<decltype(list)>::value_type>{
          list.data() + first, static_cast<index_t>(count), device};
    };
    steps.update.step_norms = view(step_norms);
    steps.update.state_norms = view(state_norms);
    steps.update.status = view(status);
    steps.decision.step_norms = steps.update.step_norms;
    steps.decision.state_norms = steps.update.state_norms;
    steps.decision.columns = {.status = view(status),
                              .iterations = view(iterations),
                              .best_steps = view(best_steps),
                              .stalled = view(stalled),
                              .active = {&active_, 1, device}};
    if (!steps.mix) return;
    steps.mix->accepted = view(accepted);
    steps.mix->points = view(points);
    steps.mix->fallbacks = view(fallbacks);
    steps.mix->step_norms = view(step_norms);
    steps.mix->status = view(status);
    steps.mix->iterations = view(iterations);
  }

  /// Before the columns of a launch.
  void begin() {
    std::fill(status.begin(), status.end(), k_converged);
    active_ = 0;
  }

  /// Columns that the decision has stopped since it was last asked.
  std::int32_t take_stopped() { return -std::exchange(active_, 0); }

  /// A column that starts from zero.
  void start(std::size_t place) {
    status[place] = k_running;
    iterations[place] = stalled[place] = fallbacks[place] = 0;
    best_steps[place] = step_norms[place] = std::numeric_limits<T>::infinity();
    state_norms[place] = T(0);
  }

  /// Column j of the batch, if it is running; otherwise it stays as it is.
  template <class Update>
  bool take(const ColumnSteps<T, Update>& batch, index_t j, std::size_t place) {
    const ColumnStatus<T>& from = batch.decision.columns;
    status[place] = from.status.data[j];
    if (status[place] != k_running) return false;
    iterations[place] = from.iterations.data[j];
    best_steps[place] = from.best_steps.data[j];
    stalled[place] = from.stalled.data[j];
    step_norms[place] = batch.update.step_norms.data[j];
    state_norms[place] = batch.update.state_norms.data[j];
    if (!batch.mix) return true;
    accepted[place] = batch.mix->accepted.data[j];
    points[place] = batch.mix->points.data[j];
    fallbacks[place] = batch.mix->fallbacks.data[j];
    return true;
  }

  /// To column j of the batch, which has stopped.
  template <class Update>
  void put_back(std::size_t place, const ColumnSteps<T, Update>& batch, index_t j) const {
    const ColumnStatus<T>& to = batch.decision.columns;
    to.status.data[j] = status[place];
    to.iterations.data[j] = iterations[place];
    to.best_steps.data[j] = best_steps[place];
    to.stalled.data[j] = stalled[place];
    if (batch.from_zero && to.fallbacks.size > 0) to.fallbacks.data[j] = 0;
    if (batch.from_zero && to.low_iterations.size > 0) to.low_iterations.data[j] = 0;
    if (batch.mix) batch.mix->fallbacks.data[j] = fallbacks[place];
    batch.update.step_norms.data[j] = step_norms[place];
    batch.update.state_norms.data[j] = state_norms[place];
  }

  void move(std::size_t from, std::size_t to) {
    for (auto* list : {&iterations, &stalled, &points, &fallbacks}) (*list)[to] = (*list)[from];
    for (auto* list : {&best_steps, &step_norms, &state_norms, &accepted})
      (*list)[to] = (*list)[from];
    status[to] = status[from];
    status[from] = k_converged;
  }

  Lines<std::uint8_t> status;
  Lines<std::int32_t> iterations, stalled, points, fallbacks;
  Lines<T> best_steps, step_norms, state_norms, accepted;

 private:
  std::int32_t active_ = 0;  ///< less those that have stopped
};

}  // namespace idl::cpu
