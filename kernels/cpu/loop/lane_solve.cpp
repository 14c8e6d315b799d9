// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/lane_solve.hpp"

#include <algorithm>

#include "kernels/cpu/product/dense_rows.hpp"
#include "kernels/cpu/product/lanes.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"

namespace idl::cpu {
namespace {

/// to <- from in the lanes of whole lines whose mark is not 0.
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

}  // namespace

template <class T, class Update>
LaneSolve<T, Update>::LaneSolve(const ColumnSteps<T, Update>& steps, const ConstMatrixView<T>& A,
                                index_t product_rows)
    : work_(steps),
      order_(steps.rows()),
      iteration_(steps, A, order_, k_solve_lanes<T>),
      panels_({.rows = steps.rows(),
               .lanes = k_solve_lanes<T>,
               .constants = static_cast<index_t>(constants_of(work_.update).size()),
               .in_place = iteration_.is_in_place(),
               .mixed = false,
               .product_rows = iteration_.product_rows()}),
      vectors_(static_cast<std::size_t>(k_solve_lanes<T>)),
      state_(steps.rows()),
      product_(product_rows) {
  for (auto* list : {&step_norms_, &state_norms_, &running_, &stops_, &ended_})
    list->resize(static_cast<std::size_t>(k_solve_lanes<T>));
}

template <class T, class Update>
void LaneSolve<T, Update>::begin(index_t sequences, const ConstMatrixView<T>& state) {
  lines_ = (sequences + k_line_lanes<T> - 1) / k_line_lanes<T>;
  if (state.cols > 0)
    samples_to_lanes(state, state_.to(0));
  else
    std::fill_n(state_.row(0), state_.entries(), T(0));
}

/// Lanes without a sequence have none of the steps.
template <class T, class Update>
void LaneSolve<T, Update>::look_who_has(VectorView<const std::int32_t> lengths, index_t step) {
  std::fill(ended_.begin(), ended_.end(), T(1));
  std::transform(lengths.data, lengths.data + lengths.size, ended_.begin(),
                 [&](std::int32_t length) { return length <= step ? T(1) : T(0); });
  any_ended_ = std::ranges::any_of(ended_, [](T ended) { return ended != T(0); });
}

template <class T, class Update>
void LaneSolve<T, Update>::clear_ended(SamplePanel<T> panel, index_t rows) const {
  if (!any_ended_) return;
  for (index_t i = 0; i < rows; ++i)
    for (index_t l = 0; l < k_solve_lanes<T>; ++l)
      if (ended_[static_cast<std::size_t>(l)] != T(0)) panel.data[i * panel.stride + l] = T(0);
}

template <class T, class Update>
void LaneSolve<T, Update>::keep_ended(SamplePanel<const T> from, SamplePanel<T> to,
                                      index_t rows) const {
  if (any_ended_) take_marked<T>(ended_.data(), from, to, rows, k_solve_lines);
}

template <class T, class Update>
bool LaneSolve<T, Update>::runs(index_t line) const {
  const T* lanes = running_.data() + line * k_line_lanes<T>;
  return std::any_of(lanes, lanes + k_line_lanes<T>, [](T running) { return running != T(0); });
}

template <class T, class Update>
void LaneSolve<T, Update>::run(bool warm) {
  start(warm);
  index_t lines = lines_;
  while (true) {
    // Lines at the end whose lanes have all stopped cost nothing more.
    while (lines > 0 && !runs(lines - 1)) --lines;
    if (lines == 0) return;
    vectors_.bind(work_, 0, static_cast<std::size_t>(lines * k_line_lanes<T>), Device::cpu());
    iteration_.run(panels_, vectors_, lines);
    execute(work_.decision, scratch_);
    if (vectors_.take_stopped() > 0) keep_stopped();
  }
}

template <class T, class Update>
void LaneSolve<T, Update>::start(bool warm) {
  if (!warm) std::fill_n(state_.row(0), state_.entries(), T(0));
  clear_ended(state_.to(0), state_.rows());
  std::copy_n(state_.row(0), state_.entries(), panels_.state);
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
template <class T, class Update>
void LaneSolve<T, Update>::keep_stopped() {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    const std::uint8_t* status = vectors_.status.data();
    T* running = running_.data();
    T* stops = stops_.data();
    for (index_t l = 0; l < k_solve_lanes<T>; ++l) {
      stops[l] = status[l] != k_running ? running[l] : T(0);
      running[l] -= stops[l];
    }
  });
  const auto norms = [&](Lines<T>& from, Lines<T>& to) {
    take_marked<T>(stops_.data(), {from.data(), 0}, {to.data(), 0}, 1, lines_);
  };
  norms(vectors_.step_norms, step_norms_);
  norms(vectors_.state_norms, state_norms_);
  take_marked<T>(stops_.data(), {panels_.state, k_solve_lanes<T>}, state_.to(0), state_.rows(),
                 lines_);
}

template <class T, class Update>
void LaneSolve<T, Update>::put_status(const RecurrentLoop<T>& loop, index_t first,
                                      index_t sequences) const {
  const ColumnStatus<T> to = columns_of(loop.columns, first, sequences);
  std::copy_n(vectors_.status.data(), sequences, to.status.data);
  std::copy_n(vectors_.iterations.data(), sequences, to.iterations.data);
  std::copy_n(vectors_.best_steps.data(), sequences, to.best_steps.data);
  std::copy_n(vectors_.stalled.data(), sequences, to.stalled.data);
  std::fill_n(to.fallbacks.data, to.fallbacks.size, 0);
  std::fill_n(to.low_iterations.data, to.low_iterations.size, 0);
  std::copy_n(step_norms_.data(), sequences, loop.step_norms.data + first);
  std::copy_n(state_norms_.data(), sequences, loop.state_norms.data + first);
}

template <class T, class Update>
void LaneSolve<T, Update>::multiply(const ConstMatrixView<T>& M, SamplePanel<const T> X,
                                    SamplePanel<T> Y) const {
  multiply_rows(DenseRows<T>{M, 0, M.rows}, X, Y, lines_);
}

template <class T, class Update>
void LaneSolve<T, Update>::add_product(const ConstMatrixView<T>& M, SamplePanel<const T> X,
                                       SamplePanel<T> Y) {
  multiply(M, X, product_.to(0));
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    const T* from = product_.row(0);
    for (index_t i = 0; i < M.rows * k_solve_lanes<T>; ++i) Y.data[i] += from[i];
  });
}

template class LaneSolve<float, PicardUpdate<float>>;
template class LaneSolve<double, PicardUpdate<double>>;
template class LaneSolve<float, AdjointUpdate<float>>;
template class LaneSolve<double, AdjointUpdate<double>>;

}  // namespace idl::cpu
