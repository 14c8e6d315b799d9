// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/recurrent_lanes.hpp"

#include <algorithm>
#include <array>

#include "kernels/cpu/loop/lane_loop.hpp"
#include "kernels/cpu/product/dense_rows.hpp"
#include "kernels/cpu/product/lanes.hpp"
#include "kernels/cpu/product/packed_panels.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/flush_subnormals.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"

namespace idl::cpu {
namespace {

/// Rows of the largest panel: with those of the state they stay near.
constexpr index_t k_most_rows = 256;
static_assert(k_most_rows <= k_run, "sums of several runs have other bits");

/// to <- from in whole lines of lanes whose mark is not 0.
template <class T>
void take_marked(const T* marks, SamplePanel<const T> from, SamplePanel<T> to, index_t rows,
                 index_t lines) {
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    constexpr std::size_t W = width();
    constexpr auto k_step = static_cast<index_t>(W / sizeof(T));
    for (index_t lane = 0; lane < lines * k_line_lanes<T>; lane += k_step) {
      Pack<T, W> mark, given, taken;
      load<T, W>(mark, marks + lane);
      for (index_t i = 0; i < rows; ++i) {
        load<T, W>(given, from.data + i * from.stride + lane);
        load<T, W>(taken, to.data + i * to.stride + lane);
        taken = mark != T(0) ? given : taken;
        store<T, W>(taken, to.data + i * to.stride + lane);
      }
    }
  });
}

/// Step t of a working matrix.
template <class T, class View>
View columns_at(const Recurrence<T>& pass, View matrix, index_t t) {
  return matrix.columns(t * pass.apart, pass.lengths.size);
}

}  // namespace

template <class T>
auto RecurrentLanes<T>::Cell::of(const Recurrence<T>& pass) -> std::optional<Cell> {
  const auto* A = std::get_if<DenseMap<T>>(&pass.A);
  const auto* B = std::get_if<DenseMap<T>>(&pass.B);
  const auto* C = std::get_if<DenseMap<T>>(&pass.C);
  const auto* D = pass.D ? std::get_if<DenseMap<T>>(&*pass.D) : nullptr;
  if (A == nullptr || B == nullptr || C == nullptr || (pass.D && D == nullptr)) return {};
  return Cell{A->A, B->A, C->A, D != nullptr ? D->A : ConstMatrixView<T>{}};
}

template <class T>
std::unique_ptr<RecurrentLanes<T>> RecurrentLanes<T>::make(const Recurrence<T>& pass) {
  const auto cell = Cell::of(pass);
  if (!cell || std::max(pass.U.rows, pass.h.rows) > k_most_rows) return nullptr;
  const auto steps = column_steps<T, Update>(solve_of(pass, 0));
  if (steps.mix || steps.decision.max_iterations == 0 || !fills_lanes(steps, cell->A))
    return nullptr;
  return std::unique_ptr<RecurrentLanes>(new RecurrentLanes(pass, *cell, steps));
}

template <class T>
RecurrentLanes<T>::RecurrentLanes(const Recurrence<T>& pass, const Cell& cell,
                                  const ColumnSteps<T, Update>& steps)
    : cell_(cell),
      inputs_(pass.x.rows),
      known_(inputs_beforehand(pass)),
      order_(steps.rows()),
      work_(steps),
      iteration_(steps, cell.A, order_, k_lanes),
      panels_({.rows = steps.rows(),
               .lanes = k_lanes,
               .constants = 1,
               .in_place = iteration_.is_in_place(),
               .mixed = false,
               .product_rows = iteration_.product_rows()}),
      vectors_(static_cast<std::size_t>(k_lanes)),
      u_(pass.U.rows),
      x_(steps.rows()),
      h_(pass.h.rows),
      next_h_(pass.h.rows),
      product_(std::max(steps.rows(), pass.h.rows)) {
  for (auto* list : {&step_norms_, &state_norms_, &running_, &stops_, &ended_})
    list->resize(static_cast<std::size_t>(k_lanes));
}

template <class T>
void RecurrentLanes<T>::run(const Recurrence<T>& pass) {
  const FlushSubnormals flush;
  const index_t m = pass.lengths.size;
  for (index_t first = 0; first < m; first += k_lanes)
    run_side_by_side(
        sequences_of(pass, first, std::min(k_lanes, m - first), pass.loop.columns.active));
}

template <class T>
void RecurrentLanes<T>::run_side_by_side(const Recurrence<T>& pass) {
  lines_ = (pass.lengths.size + k_line_lanes<T> - 1) / k_line_lanes<T>;
  samples_to_lanes<T>(pass.h, h_.to(0));
  if (pass.X_before.cols > 0)
    samples_to_lanes(pass.X_before, x_.to(0));
  else
    std::fill_n(x_.row(0), cell_.A.rows * k_lanes, T(0));
  const index_t steps = (pass.X.cols - pass.lengths.size) / pass.apart + 1;
  for (index_t t = 0; t < steps; ++t) {
    look_who_ended(pass, pass.first + t);
    make_u(pass, t);
    make_z(pass, t);
    solve(pass, t);
    make_h(pass, t);
  }
  lanes_to_samples(h_.from(0), pass.h);
}

/// Lanes without a sequence have ended.
template <class T>
void RecurrentLanes<T>::look_who_ended(const Recurrence<T>& pass, index_t step) {
  std::fill(ended_.begin(), ended_.end(), T(1));
  std::transform(pass.lengths.data, pass.lengths.data + pass.lengths.size, ended_.begin(),
                 [&](std::int32_t length) { return length <= step ? T(1) : T(0); });
  any_ended_ = std::ranges::any_of(ended_, [](T ended) { return ended != T(0); });
}

template <class T>
void RecurrentLanes<T>::clear_ended(SamplePanel<T> panel, index_t rows) const {
  if (!any_ended_) return;
  for (index_t i = 0; i < rows; ++i)
    for (index_t l = 0; l < k_lanes; ++l)
      if (ended_[static_cast<std::size_t>(l)] != T(0)) panel.data[i * panel.stride + l] = T(0);
}

template <class T>
void RecurrentLanes<T>::add_product(const ConstMatrixView<T>& M, SamplePanel<const T> X,
                                    SamplePanel<T> Y) {
  multiply_rows(DenseRows<T>{M, 0, M.rows}, X, product_.to(0), lines_);
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    const T* from = product_.row(0);
    for (index_t i = 0; i < M.rows * k_lanes; ++i) Y.data[i] += from[i];
  });
}

/// u = [x; h; what is there already]
template <class T>
void RecurrentLanes<T>::make_u(const Recurrence<T>& pass, index_t t) {
  const MatrixView<T> U = columns_at(pass, pass.U, t);
  const index_t hidden = pass.h.rows;
  const index_t behind = inputs_ + hidden;
  if (known_ == 0) execute(x_into_U(pass, t), scratch_);
  samples_to_lanes<T>(U.row_range(0, inputs_), u_.to(0));
  std::copy_n(h_.row(0), hidden * k_lanes, u_.row(inputs_));
  clear_ended(u_.to(inputs_), hidden);
  lanes_to_samples(u_.from(inputs_), U.row_range(inputs_, hidden));
  samples_to_lanes<T>(U.row_range(behind, U.rows - behind), u_.to(behind));
}

template <class T>
void RecurrentLanes<T>::make_z(const Recurrence<T>& pass, index_t t) {
  const MatrixView<T> Z = columns_at(pass, pass.Z, t);
  const SamplePanel<T> z = {panels_.given.front(), k_lanes};
  if (known_ == 0) {
    multiply_rows(DenseRows<T>{cell_.B, 0, cell_.B.rows}, u_.from(0), z, lines_);
  } else {
    samples_to_lanes<T>(Z, z);
    add_product(cell_.B.columns(known_, cell_.B.cols - known_), u_.from(known_), z);
  }
  if (pass.keeps_states) lanes_to_samples<T>({z.data, z.stride}, Z);
}

template <class T>
void RecurrentLanes<T>::solve(const Recurrence<T>& pass, index_t t) {
  start_solve(pass.loop.warm_start);
  index_t lines = lines_;
  const auto runs = [&](index_t line) {
    const T* lanes = running_.data() + line * k_line_lanes<T>;
    return std::any_of(lanes, lanes + k_line_lanes<T>, [](T r) { return r != T(0); });
  };
  while (true) {
    // Lines at the end whose lanes have all stopped cost nothing more.
    while (lines > 0 && !runs(lines - 1)) --lines;
    if (lines == 0) break;
    vectors_.bind(work_, 0, static_cast<std::size_t>(lines * k_line_lanes<T>), pass.X.device);
    iteration_.run(panels_, vectors_, lines);
    execute(work_.decision, scratch_);
    if (vectors_.take_stopped() > 0) keep_stopped();
  }
  if (pass.keeps_states) lanes_to_samples(x_.from(0), columns_at(pass, pass.X, t));
  put_status(pass, t);
}

/// From where the step before has ended, or from zero; x of a sequence that has ended is 0.
template <class T>
void RecurrentLanes<T>::start_solve(bool warm) {
  const index_t entries = cell_.A.rows * k_lanes;
  if (!warm) std::fill_n(x_.row(0), entries, T(0));
  clear_ended(x_.to(0), cell_.A.rows);
  std::copy_n(x_.row(0), entries, panels_.state);
  vectors_.begin();
  for (std::size_t l = 0; l < ended_.size(); ++l) {
    vectors_.start(l);
    running_[l] = T(1) - ended_[l];
    if (ended_[l] == T(0)) continue;
    vectors_.status[l] = k_converged;
    step_norms_[l] = state_norms_[l] = T(0);
  }
}

/// The states and norms of the lanes that have just stopped, which go on changing beside others.
template <class T>
void RecurrentLanes<T>::keep_stopped() {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    const std::uint8_t* status = vectors_.status.data();
    T* running = running_.data();
    T* stops = stops_.data();
    for (index_t l = 0; l < k_lanes; ++l) {
      stops[l] = status[l] != k_running ? running[l] : T(0);
      running[l] -= stops[l];
    }
  });
  const auto norms = [&](Lines<T>& from, Lines<T>& to) {
    take_marked<T>(stops_.data(), {from.data(), 0}, {to.data(), 0}, 1, lines_);
  };
  norms(vectors_.step_norms, step_norms_);
  norms(vectors_.state_norms, state_norms_);
  take_marked<T>(stops_.data(), {panels_.state, k_lanes}, x_.to(0), cell_.A.rows, lines_);
}

template <class T>
void RecurrentLanes<T>::put_status(const Recurrence<T>& pass, index_t t) const {
  const index_t m = pass.lengths.size;
  const index_t first = t * pass.apart;
  const ColumnStatus<T> to = columns_of(pass.loop.columns, first, m);
  std::copy_n(vectors_.status.data(), m, to.status.data);
  std::copy_n(vectors_.iterations.data(), m, to.iterations.data);
  std::copy_n(vectors_.best_steps.data(), m, to.best_steps.data);
  std::copy_n(vectors_.stalled.data(), m, to.stalled.data);
  std::fill_n(to.fallbacks.data, to.fallbacks.size, 0);
  std::fill_n(to.low_iterations.data, to.low_iterations.size, 0);
  std::copy_n(step_norms_.data(), m, pass.loop.step_norms.data + first);
  std::copy_n(state_norms_.data(), m, pass.loop.state_norms.data + first);
}

/// h = Cx + Du; a sequence that has ended keeps its own.
template <class T>
void RecurrentLanes<T>::make_h(const Recurrence<T>& pass, index_t t) {
  const index_t hidden = pass.h.rows;
  multiply_rows(DenseRows<T>{cell_.C, 0, hidden}, x_.from(0), next_h_.to(0), lines_);
  if (cell_.D.rows > 0) add_product(cell_.D, u_.from(0), next_h_.to(0));
  if (pass.H.cols > 0)
    lanes_to_samples(next_h_.from(0), step_of(pass.H, pass.first + t, pass.lengths.size));
  if (any_ended_) take_marked<T>(ended_.data(), h_.from(0), next_h_.to(0), hidden, k_lines);
  std::swap(h_, next_h_);
}

template class RecurrentLanes<float>;
template class RecurrentLanes<double>;

}  // namespace idl::cpu
