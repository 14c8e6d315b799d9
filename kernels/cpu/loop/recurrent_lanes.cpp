// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/recurrent_lanes.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "kernels/cpu/loop/lane_loop.hpp"
#include "kernels/cpu/product/lanes.hpp"
#include "kernels/cpu/product/packed_panels.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/flush_subnormals.hpp"

namespace idl::cpu {
namespace {

/// Rows of the largest panel: with those of the state they stay near.
constexpr index_t k_most_rows = 256;
static_assert(k_most_rows <= k_run, "sums of several runs have other bits");

/// run_some(part) of as many sequences at a time as there are lanes.
template <class T, class Pass, class Run>
void run_in_lanes(const Pass& pass, const Run& run_some) {
  const FlushSubnormals flush;
  const index_t m = pass.lengths.size;
  for (index_t first = 0; first < m; first += k_solve_lanes<T>)
    run_some(
        sequences_of(pass, first, std::min(k_solve_lanes<T>, m - first), pass.loop.columns.active));
}

/// The steps of the solves, if they can be made in lanes.
template <class T, class Update, class Pass>
std::optional<ColumnSteps<T, Update>> steps_in_lanes(const Pass& pass, const DenseCell<T>& cell) {
  if (std::max(cell.B.cols, cell.C.rows) > k_most_rows) return {};
  auto steps = column_steps<T, Update>(solve_of(pass, 0));
  if (steps.mix || steps.decision.max_iterations == 0 || !fills_lanes(steps, cell.A)) return {};
  return steps;
}

}  // namespace

template <class T>
template <class Pass>
std::optional<DenseCell<T>> DenseCell<T>::of(const Pass& pass) {
  const auto* A = std::get_if<DenseMap<T>>(&pass.A);
  const auto* B = std::get_if<DenseMap<T>>(&pass.B);
  const auto* C = std::get_if<DenseMap<T>>(&pass.C);
  const auto* D = pass.D ? std::get_if<DenseMap<T>>(&*pass.D) : nullptr;
  if (A == nullptr || B == nullptr || C == nullptr || (pass.D && D == nullptr)) return {};
  return DenseCell{A->A, B->A, C->A, D != nullptr ? D->A : ConstMatrixView<T>{}};
}

template <class T>
std::unique_ptr<RecurrentLanes<T>> RecurrentLanes<T>::make(const Recurrence<T>& pass) {
  const auto cell = DenseCell<T>::of(pass);
  if (!cell) return nullptr;
  const auto steps = steps_in_lanes<T, Update>(pass, *cell);
  if (!steps) return nullptr;
  return std::unique_ptr<RecurrentLanes>(new RecurrentLanes(pass, *cell, *steps));
}

template <class T>
RecurrentLanes<T>::RecurrentLanes(const Recurrence<T>& pass, const DenseCell<T>& cell,
                                  const ColumnSteps<T, Update>& steps)
    : cell_(cell),
      inputs_(pass.x.rows),
      known_(inputs_beforehand(pass)),
      solve_(steps, cell.A, std::max(cell.A.rows, cell.C.rows)),
      u_(cell.B.cols),
      h_(cell.C.rows),
      next_h_(cell.C.rows) {}

template <class T>
void RecurrentLanes<T>::run(const Recurrence<T>& pass) {
  run_in_lanes<T>(pass, [&](const Recurrence<T>& part) { run_side_by_side(part); });
}

template <class T>
void RecurrentLanes<T>::run_side_by_side(const Recurrence<T>& pass) {
  solve_.begin(pass.lengths.size, pass.X_before);
  samples_to_lanes<T>(pass.h, h_.to(0));
  for (index_t t = 0; t < steps_in(pass); ++t) {
    solve_.look_who_has(pass.lengths, pass.first + t);
    make_u(pass, t);
    make_z(pass, t);
    solve_.run(pass.loop.warm_start);
    solve_.put_status(pass.loop, t * pass.apart, pass.lengths.size);
    if (pass.keeps_states) lanes_to_samples(solve_.state(), step_in(pass, pass.X, t));
    make_h(pass, t);
  }
  lanes_to_samples(h_.from(0), pass.h);
}

/// u = [x; h; what is there already]
template <class T>
void RecurrentLanes<T>::make_u(const Recurrence<T>& pass, index_t t) {
  const MatrixView<T> U = step_in(pass, pass.U, t);
  const index_t hidden = h_.rows();
  const index_t behind = inputs_ + hidden;
  if (known_ == 0) execute(x_into_U(pass, t), scratch_);
  samples_to_lanes<T>(U.row_range(0, inputs_), u_.to(0));
  std::copy_n(h_.row(0), h_.entries(), u_.row(inputs_));
  solve_.clear_ended(u_.to(inputs_), hidden);
  lanes_to_samples(u_.from(inputs_), U.row_range(inputs_, hidden));
  samples_to_lanes<T>(U.row_range(behind, U.rows - behind), u_.to(behind));
}

template <class T>
void RecurrentLanes<T>::make_z(const Recurrence<T>& pass, index_t t) {
  const MatrixView<T> Z = step_in(pass, pass.Z, t);
  const SamplePanel<T> z = solve_.given(0);
  if (known_ == 0) {
    solve_.multiply(cell_.B, u_.from(0), z);
  } else {
    samples_to_lanes<T>(Z, z);
    solve_.add_product(cell_.B.columns(known_, cell_.B.cols - known_), u_.from(known_), z);
  }
  if (pass.keeps_states) lanes_to_samples<T>({z.data, z.stride}, Z);
}

/// h = Cx + Du; a sequence that has ended keeps its own.
template <class T>
void RecurrentLanes<T>::make_h(const Recurrence<T>& pass, index_t t) {
  solve_.multiply(cell_.C, solve_.state(), next_h_.to(0));
  if (cell_.D.rows > 0) solve_.add_product(cell_.D, u_.from(0), next_h_.to(0));
  if (pass.H.cols > 0)
    lanes_to_samples(next_h_.from(0), step_of(pass.H, pass.first + t, pass.lengths.size));
  solve_.keep_ended(h_.from(0), next_h_.to(0), h_.rows());
  std::swap(h_, next_h_);
}

template <class T>
std::unique_ptr<AdjointLanes<T>> AdjointLanes<T>::make(const RecurrenceAdjoint<T>& pass) {
  auto cell = DenseCell<T>::of(pass);
  if (!cell) return nullptr;
  const auto steps = steps_in_lanes<T, Update>(pass, *cell);
  if (!steps) return nullptr;
  const index_t hidden = pass.dh.rows;
  cell->B = cell->B.columns(pass.inputs, hidden);
  if (cell->D.rows > 0) cell->D = cell->D.columns(pass.inputs, hidden);
  return std::unique_ptr<AdjointLanes>(new AdjointLanes(pass, *cell, *steps));
}

template <class T>
AdjointLanes<T>::AdjointLanes(const RecurrenceAdjoint<T>& pass, const DenseCell<T>& cell,
                              const ColumnSteps<T, Update>& steps)
    : cell_(cell),
      A_(cell.A.rows, cell.A.cols),
      B_(cell.B.rows, cell.B.cols),
      C_(cell.C.rows, cell.C.cols),
      D_(cell.D.rows, cell.D.cols),
      solve_(steps, A_.view(), pass.dh.rows),
      x_(cell.A.rows),
      g_(pass.dh.rows),
      dh_(pass.dh.rows),
      next_dh_(pass.dh.rows),
      gradient_(pass.dh.rows) {}

template <class T>
void AdjointLanes<T>::run(const RecurrenceAdjoint<T>& pass) {
  execute(Transpose<T>{.X = cell_.A, .Y = A_.view()}, scratch_);
  execute(Transpose<T>{.X = cell_.B, .Y = B_.view()}, scratch_);
  execute(Transpose<T>{.X = cell_.C, .Y = C_.view()}, scratch_);
  execute(Transpose<T>{.X = cell_.D, .Y = D_.view()}, scratch_);
  run_in_lanes<T>(pass, [&](const RecurrenceAdjoint<T>& part) { run_side_by_side(part); });
}

template <class T>
void AdjointLanes<T>::run_side_by_side(const RecurrenceAdjoint<T>& pass) {
  solve_.begin(pass.lengths.size, pass.V_after);
  samples_to_lanes<T>(pass.dh, dh_.to(0));
  for (index_t t = steps_in(pass) - 1; t >= 0; --t) {
    solve_.look_who_has(pass.lengths, pass.first + t);
    make_g(pass, t);
    make_psi(pass, t);
    solve_.multiply(C_.view(), g_.from(0), solve_.given(0));
    solve_.run(pass.loop.warm_start);
    solve_.put_status(pass.loop, t * pass.apart, pass.lengths.size);
    lanes_to_samples(solve_.state(), step_in(pass, pass.V, t));
    make_dh(pass, t);
  }
  lanes_to_samples(dh_.from(0), pass.dh);
}

/// g = dh + dH_t
template <class T>
void AdjointLanes<T>::make_g(const RecurrenceAdjoint<T>& pass, index_t t) {
  std::copy_n(dh_.row(0), dh_.entries(), g_.row(0));
  if (pass.dH.cols > 0) {
    samples_to_lanes(step_of(pass.dH, pass.first + t, pass.lengths.size), gradient_.to(0));
    for (index_t i = 0; i < g_.entries(); ++i) g_.row(0)[i] += gradient_.row(0)[i];
  }
  solve_.clear_ended(g_.to(0), g_.rows());
  lanes_to_samples(g_.from(0), step_in(pass, pass.g, t));
}

/// Ψ = φ'(AX_t + Z_t)
template <class T>
void AdjointLanes<T>::make_psi(const RecurrenceAdjoint<T>& pass, index_t t) {
  const SamplePanel<T> psi = solve_.given(1);
  samples_to_lanes(step_in(pass, pass.X, t), x_.to(0));
  solve_.multiply(cell_.A, x_.from(0), psi);
  samples_to_lanes(step_in(pass, pass.Z, t), x_.to(0));
  const MatrixView<T> Psi = matrix_of(psi, x_.rows());
  const MatrixView<T> Z = matrix_of(x_.to(0), x_.rows());
  execute(ActivationDerivative<T>{.S = Psi, .Z = Z, .Psi = Psi, .activation = pass.activation},
          scratch_);
}

/// dh = B_hᵀv + D_hᵀg, or 0 where gradients end; before a sequence has ended it keeps what it has.
template <class T>
void AdjointLanes<T>::make_dh(const RecurrenceAdjoint<T>& pass, index_t t) {
  const index_t step = pass.first + t;
  if (pass.truncate > 0 && step > 0 && step % pass.truncate == 0) {
    std::fill_n(next_dh_.row(0), next_dh_.entries(), T(0));
  } else {
    solve_.multiply(B_.view(), solve_.state(), next_dh_.to(0));
    if (cell_.D.rows > 0) solve_.add_product(D_.view(), g_.from(0), next_dh_.to(0));
  }
  solve_.keep_ended(dh_.from(0), next_dh_.to(0), dh_.rows());
  std::swap(dh_, next_dh_);
}

template class RecurrentLanes<float>;
template class RecurrentLanes<double>;
template class AdjointLanes<float>;
template class AdjointLanes<double>;

}  // namespace idl::cpu
