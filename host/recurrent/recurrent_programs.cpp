// SPDX-License-Identifier: MIT
#include "host/recurrent/recurrent_programs.hpp"

#include <algorithm>
#include <utility>

#include "host/backend_of.hpp"
#include "host/model/resolve_automatic.hpp"
#include "host/solver/problem.hpp"
#include "kernels/backend.hpp"

namespace idl {
namespace {

/// A step begins where the one before it has ended: so few iterations are left that what
/// acceleration keeps and mixes costs more than it saves.
template <class T>
SolverOptions method_of(const Context& context, const ImplicitRnn<T>& model, index_t sequences,
                        const RecurrentPassOptions& options) {
  SolverOptions solver = options.solver;
  if (options.warm_start && solver.acceleration == Acceleration::automatic)
    solver.acceleration = Acceleration::none;
  return resolve_automatic(solver, context.device(), model.cell().options(), model.shape().states,
                           sequences);
}

std::vector<StepRange> ranges_of(index_t steps, index_t kept) {
  const index_t most = kept > 0 ? std::min(kept, steps) : steps;
  std::vector<StepRange> ranges;
  for (index_t first = 0; first < steps; first += most)
    ranges.push_back({first, std::min(most, steps - first)});
  return ranges;
}

}  // namespace

template <class T>
ContiguousMatrix<T>::ContiguousMatrix(Context& context, index_t rows, index_t cols)
    : values_(context, rows * cols), view_{values_.data(), rows, cols, rows, context.device()} {
  backend_of(context)->run(Fill<T>{.Y = view_});
}

template <class T>
RecurrentPrograms<T>::RecurrentPrograms(Context& context_in, const ImplicitRnn<T>& model_in,
                                        index_t sequences, index_t steps_in,
                                        const RecurrentPassOptions& options_in)
    : context(&context_in),
      M(model_in.cell().M()),
      head(model_in.head()),
      cell(model_in.cell().options()),
      structure(detail::Inside<ImplicitModel<T>>::of(model_in.cell())),
      m(sequences),
      steps(steps_in),
      options(options_in),
      shape(model_in.shape()),
      method(method_of(context_in, model_in, sequences, options)),
      ranges(ranges_of(steps_in, options_in.backward ? options_in.recompute : 0)),
      lengths(context_in, sequences),
      x(context_in, shape.inputs, steps * m),
      h0(context_in, shape.hidden, m),
      H(context_in, shape.hidden, options.last_only ? 0 : steps * m),
      last(context_in, shape.hidden, m),
      equilibrium(context_in, steps * m),
      XU_(context_in, shape.states + model_in.cell().input_rows(), kept() * m),
      Z_(context_in, shape.states, kept() * m),
      product_(context_in, shape.states, m),
      output_(context_in, shape.hidden, m),
      ones_(context_in, 1, m) {
  const ModelMaps<T> of = maps();
  inner_ = Matrix<T>(context_in, inner_rows(of.A), m);
  A_sums_ = Vector<T>(context_in, shape.states);
  B_sums_ = Vector<T>(context_in, shape.states);
  C_sums_ = Vector<T>(context_in, shape.hidden);
  partial_sums_ =
      Vector<T>(context_in, std::max({partial_sums(of.A), partial_sums(of.B), partial_sums(of.C)}));
  if (method.acceleration == Acceleration::anderson) anderson_.emplace(context_in, shape.states, m);
  if (shape.outputs > 0) Y = ContiguousMatrix<T>(context_in, shape.outputs, m);
  Backend& backend = *backend_of(context_in);
  backend.run(Fill<T>{.Y = ones_, .value = T(1)});
  // Padding between rows that are filled must not hold NaN by accident.
  backend.run(Fill<T>{.Y = XU_});
  if (solves_again()) {
    const auto count = static_cast<index_t>(ranges.size());
    X_before_ = Matrix<T>(context_in, shape.states, count * m);
    h_before_ = Matrix<T>(context_in, shape.hidden, count * m);
  }
  if (options.backward) prepare_backward();
}

template <class T>
void RecurrentPrograms<T>::prepare_backward() {
  Context& on = *context;
  Vg_ = Matrix<T>(on, shape.states + shape.hidden, kept() * m);
  Psi_ = Matrix<T>(on, shape.states, m);
  G_ = Matrix<T>(on, shape.states, m);
  dM = Matrix<T>(on, M.rows, M.cols);
  dh = ContiguousMatrix<T>(on, shape.hidden, m);
  d_last = ContiguousMatrix<T>(on, shape.hidden, m);
  adjoint.emplace(on, steps * m);
  transposes_ = Vector<T>(on, structure->transposed_values(/*inputs=*/true));
  gradient_inner_ = Matrix<T>(on, inner_rows(maps().A), kept() * m);
  if (shape.outputs > 0) {
    dY = ContiguousMatrix<T>(on, shape.outputs, m);
    d_head = Matrix<T>(on, shape.outputs, shape.hidden + 1);
  }
  if (options.input_gradient) {
    dx = ContiguousMatrix<T>(on, shape.inputs, steps * m);
    dU_ = Matrix<T>(on, shape.inputs, kept() * m);
  }
  if (!solves_again()) return;
  dM_part_ = Matrix<T>(on, M.rows, M.cols);
  h_again_ = Matrix<T>(on, shape.hidden, m);
  V_after_ = Matrix<T>(on, shape.states, m);
  again_.emplace(on, kept() * m);
}

template <class T>
void RecurrentPrograms<T>::make_d_outputs() {
  d_outputs = ContiguousMatrix<T>(*context, shape.hidden, steps * m);
}

template <class T>
RecurrentLoop<T> RecurrentPrograms<T>::loop(const solver::IterationState<T>& iteration,
                                            const Tolerance& tolerance, const StepRange& range,
                                            index_t first) {
  const index_t columns = range.count * m;
  RecurrentLoop<T> loop;
  loop.batch_invariant = method.batch_invariant;
  loop.product = product_;
  loop.inner = inner_;
  loop.output = output_;
  loop.columns = columns_of(iteration.columns(), first * m, columns);
  loop.step_norms = iteration.step_norms().range(first * m, columns);
  loop.state_norms = iteration.state_norms().range(first * m, columns);
  loop.decision = solver::decision_of(tolerance, terms_per_row(maps().A), iteration);
  loop.sweep = method.sweep == Sweep::gauss_seidel ? Sweep::gauss_seidel : Sweep::jacobi;
  if (anderson_) loop.mix = anderson_->view();
  loop.low_precision = method.precision == Precision::automatic;
  loop.warm_start = options.warm_start;
  return loop;
}

template <class T>
template <class Pass>
Pass RecurrentPrograms<T>::pass_over(const StepRange& range, const ModelMaps<T>& maps) {
  Pass pass;
  pass.A = maps.A;
  pass.B = maps.B;
  pass.C = maps.C;
  pass.D = maps.D;
  pass.activation = cell.activation;
  pass.lengths = lengths;
  pass.first = range.first;
  pass.X = steps_kept(X(), range);
  pass.Z = steps_kept(Z_, range);
  return pass;
}

template <class T>
Recurrence<T> RecurrentPrograms<T>::recurrence(std::size_t number, bool again) {
  const StepRange& range = ranges[number];
  auto pass = pass_over<Recurrence<T>>(range, maps());
  pass.x = x.view();
  pass.U = steps_kept(U(), range);
  if (!again) pass.H = H.view();
  pass.h = again ? h_again_.view() : last.view();
  if (number > 0) pass.X_before = X_before(number);
  pass.keeps_states = options.backward;
  pass.loop = again ? loop(*again_, method.forward, range, 0)
                    : loop(equilibrium, method.forward, range, range.first);
  // κ, where the decision needs it, is known once.
  pass.loop.decision.contraction = equilibrium.contraction();
  return pass;
}

template <class T>
RecurrenceAdjoint<T> RecurrentPrograms<T>::recurrence_adjoint(std::size_t number) {
  const StepRange& range = ranges[number];
  auto pass = pass_over<RecurrenceAdjoint<T>>(range, structure->maps(M, transposes_));
  pass.inputs = shape.inputs;
  pass.dH = d_outputs.view();
  pass.dh = dh.view();
  pass.V = steps_kept(V(), range);
  pass.g = steps_kept(g(), range);
  if (number + 1 < ranges.size()) pass.V_after = V_after_.view();
  pass.Psi = Psi_;
  pass.G = G_;
  pass.truncate = options.truncate;
  pass.loop = loop(*adjoint, method.adjoint, range, range.first);
  return pass;
}

template <class T>
Sequence RecurrentPrograms<T>::bias(const StepRange& range) {
  Sequence sequence;
  if (!cell.bias) return sequence;
  const MatrixView<T> row = U().row_range(shape.inputs + shape.hidden, 1);
  for (index_t t = 0; t < range.count; ++t)
    sequence.push_back(CopyStep<T>{
        .X = ones_, .Y = working_step(row, t, m), .lengths = lengths, .step = range.first + t});
  return sequence;
}

template <class T>
void RecurrentPrograms<T>::use_lengths() {
  // Where ranges take turns in the same memory, this is a part of each pass.
  if (!solves_again()) backend_of(*context)->run_in_order(bias(ranges.front()));
}

template <class T>
Sequence RecurrentPrograms<T>::norms_of_U(const StepRange& range) {
  return {
      ColumnNorms<T>{.X = steps_kept(U(), range),
                     .norms = equilibrium.forcing_norms().range(range.first * m, range.count * m)}};
}

template <class T>
Sequence RecurrentPrograms<T>::norms_of_g(const StepRange& range) {
  // ‖Cᵀg‖₁ <= Σ_j ‖C_j‖₁|g_j|.
  Sequence sequence = row_abs_sum_steps<T>(maps().C, C_sums_, partial_sums_);
  sequence.push_back(
      ColumnNorms<T>{.X = steps_kept(g(), range),
                     .norms = adjoint->forcing_norms().range(range.first * m, range.count * m),
                     .kind = NormKind::one,
                     .weights = C_sums_});
  return sequence;
}

template <class T>
Sequence RecurrentPrograms<T>::forward_norms() {
  const auto largest = [&](const LinearMap<T>& map, Vector<T>& sums, VectorView<T> result) {
    Sequence sequence = row_abs_sum_steps<T>(map, sums, partial_sums_);
    sequence.push_back(Reduce<T>{.x = sums, .result = result, .kind = ReduceKind::max});
    return sequence;
  };
  Sequence sequence =
      solver::norms_of_A<T>(maps().A, /*transpose=*/false, A_sums_, partial_sums_, equilibrium);
  append(sequence, largest(maps().B, B_sums_, equilibrium.B_norm()));
  if (!solves_again()) append(sequence, norms_of_U(ranges.front()));
  return sequence;
}

template <class T>
Sequence RecurrentPrograms<T>::backward_norms() {
  Sequence sequence =
      solver::norms_of_A<T>(maps().A, /*transpose=*/true, A_sums_, partial_sums_, *adjoint);
  if (!solves_again()) append(sequence, norms_of_g(ranges.front()));
  return sequence;
}

template <class T>
Sequence RecurrentPrograms<T>::head_forward() {
  if (shape.outputs == 0) return {};
  const bool batch_invariant = method.batch_invariant;
  return {Gemm<T>{.A = head.columns(0, shape.hidden),
                  .B = last.view(),
                  .C = Y.view(),
                  .batch_invariant = batch_invariant},
          Gemm<T>{.A = head.columns(shape.hidden, 1),
                  .B = ones_,
                  .C = Y.view(),
                  .beta = T(1),
                  .batch_invariant = batch_invariant}};
}

template <class T>
Sequence RecurrentPrograms<T>::head_backward() {
  if (shape.outputs == 0) return {};
  const MatrixView<T> gradient = d_head.view();
  return {
      Gemm<T>{.A = dY.view(),
              .B = last.view(),
              .C = gradient.columns(0, shape.hidden),
              .transpose_B = true},
      Gemm<T>{
          .A = dY.view(), .B = ones_, .C = gradient.columns(shape.hidden, 1), .transpose_B = true},
      Gemm<T>{.A = head.columns(0, shape.hidden),
              .B = dY.view(),
              .C = dh.view(),
              .transpose_A = true,
              .beta = T(1),
              .batch_invariant = method.batch_invariant}};
}

template <class T>
Sequence RecurrentPrograms<T>::gradients(const StepRange& range, bool begins) {
  const MatrixView<T> VdY = steps_kept(Vg_, range);
  const MatrixView<T> to = begins ? dM.view() : dM_part_.view();
  Sequence sequence = structure->gradient(M, VdY, steps_kept(XU_, range), to,
                                          gradient_inner_.view().columns(0, range.count * m));
  if (!begins) sequence.push_back(AddScaled<T>{.X = dM_part_, .Y = dM});
  if (!options.input_gradient) return sequence;
  const MatrixView<T> dU = steps_kept(dU_, range);
  append(sequence, structure->input_gradient(M, transposes_, VdY, dU, method.batch_invariant));
  for (index_t t = 0; t < range.count; ++t)
    sequence.push_back(CopyStep<T>{.X = working_step(dU, t, m),
                                   .Y = step_of(dx.view(), range.first + t, m),
                                   .lengths = lengths,
                                   .step = range.first + t});
  return sequence;
}

template <class T>
Programs RecurrentPrograms<T>::forward_parts() {
  Backend& backend = *backend_of(*context);
  Programs parts;
  Sequence straight = solver::contraction_steps<T>(method.forward, maps().A, cell.activation,
                                                   A_sums_, partial_sums_, equilibrium);
  straight.push_back(CopyMatrix<T>{.X = h0.view(), .Y = last.view()});
  for (std::size_t k = 0; k < ranges.size(); ++k) {
    if (solves_again()) {
      straight.push_back(CopyMatrix<T>{.X = last.view(), .Y = h_before(k)});
      if (k > 0)
        straight.push_back(
            CopyMatrix<T>{.X = working_step(X(), ranges[k - 1].count - 1, m), .Y = X_before(k)});
      append(straight, bias(ranges[k]));
    }
    parts.push_back(backend.compile(std::exchange(straight, {})));
    parts.push_back(backend.compile(recurrence(k, /*again=*/false)));
    if (solves_again()) append(straight, norms_of_U(ranges[k]));
  }
  append(straight, head_forward());
  parts.push_back(backend.compile(std::move(straight)));
  return parts;
}

template <class T>
Programs RecurrentPrograms<T>::backward_parts() {
  Backend& backend = *backend_of(*context);
  Programs parts;
  Sequence straight = structure->transpose_steps(M, transposes_);
  append(straight, solver::contraction_steps<T>(method.adjoint, maps().A, cell.activation, A_sums_,
                                                partial_sums_, *adjoint));
  straight.push_back(CopyMatrix<T>{.X = d_last.view(), .Y = dh.view()});
  append(straight, head_backward());
  for (std::size_t k = ranges.size(); k-- > 0;) {
    if (solves_again()) {
      append(straight, bias(ranges[k]));
      straight.push_back(CopyMatrix<T>{.X = h_before(k), .Y = h_again_});
      parts.push_back(backend.compile(std::exchange(straight, {})));
      parts.push_back(backend.compile(recurrence(k, /*again=*/true)));
    } else {
      parts.push_back(backend.compile(std::exchange(straight, {})));
    }
    parts.push_back(backend.compile(recurrence_adjoint(k)));
    if (solves_again()) {
      append(straight, norms_of_g(ranges[k]));
      straight.push_back(CopyMatrix<T>{.X = working_step(V(), 0, m), .Y = V_after_});
    }
    append(straight, gradients(ranges[k], k + 1 == ranges.size()));
  }
  parts.push_back(backend.compile(std::move(straight)));
  return parts;
}

template class ContiguousMatrix<float>;
template class ContiguousMatrix<double>;
template class RecurrentPrograms<float>;
template class RecurrentPrograms<double>;

}  // namespace idl
