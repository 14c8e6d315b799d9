// SPDX-License-Identifier: MIT
#include "kernels/recurrence.hpp"

#include <numeric>
#include <utility>

#include "kernels/backend.hpp"

namespace idl {
namespace {

template <class Pass>
index_t sequences_in(const Pass& pass) {
  return pass.lengths.size;
}
template <class T>
MatrixView<T> state_of(const Recurrence<T>& pass) {
  return pass.X;
}
template <class T>
MatrixView<T> state_of(const RecurrenceAdjoint<T>& pass) {
  return pass.V;
}

template <class E>
VectorView<E> range_of(const VectorView<E>& all, index_t first, index_t count) {
  return all.size > 0 ? all.range(first, count) : all;
}

/// The solve of step t, but for its f.
template <class T, class Pass>
FixedPoint<T> solve_in(const Pass& pass, index_t t) {
  const RecurrentLoop<T>& loop = pass.loop;
  const index_t m = sequences_in(pass);
  const index_t first = t * apart_in(pass);
  FixedPoint<T> solve;
  solve.A = pass.A;
  solve.batch_invariant = loop.batch_invariant;
  solve.X = step_in(pass, state_of(pass), t);
  solve.product = loop.product;
  solve.inner = loop.inner.rows > 0 ? loop.inner.row_range(0, inner_rows(pass.A)) : loop.inner;
  solve.columns = columns_of(loop.columns, first, m);
  solve.step_norms = loop.step_norms.range(first, m);
  solve.state_norms = loop.state_norms.range(first, m);
  solve.decision = loop.decision;
  solve.sweep = loop.sweep;
  solve.mix = loop.mix;
  solve.start = SolveStart::running;
  solve.low_precision = loop.low_precision;
  return solve;
}

/// Where the iteration of a step begins: at `neighbour`, whose columns that have ended count for
/// nothing; and what it finds there.
template <class T>
Sequence start_of(const RecurrentLoop<T>& loop, const FixedPoint<T>& solve,
                  VectorView<const std::int32_t> lengths, index_t step,
                  ConstMatrixView<T> neighbour) {
  if (!loop.warm_start) neighbour = {};
  Sequence sequence = {
      CopyStep<T>{.X = neighbour, .Y = solve.X, .lengths = lengths, .step = step},
      ResetStatus<T>{solve.columns, solve.step_norms, solve.state_norms, lengths, step}};
  if (solve.mix) sequence.push_back(CopyMatrix<T>{.X = solve.X, .Y = solve.mix->Y});
  return sequence;
}

}  // namespace

template <class T>
ColumnStatus<T> columns_of(const ColumnStatus<T>& all, index_t first, index_t count) {
  return {.status = all.status.range(first, count),
          .iterations = all.iterations.range(first, count),
          .best_steps = all.best_steps.range(first, count),
          .stalled = all.stalled.range(first, count),
          .active = all.active,
          .fallbacks = range_of(all.fallbacks, first, count),
          .low_iterations = range_of(all.low_iterations, first, count)};
}

namespace {

/// Columns [first, first + count), where there are any.
template <class View>
void keep_columns(View& matrix, index_t first, index_t count) {
  if (matrix.cols > 0) matrix = matrix.columns(first, count);
}
/// The columns of these sequences in a matrix of the caller.
template <class View>
void keep_sequences(View& matrix, index_t first, index_t count, index_t m) {
  const index_t steps = matrix.cols / m;
  keep_columns(matrix, first * steps, count * steps);
}

/// What a pass and its adjoint have in common, of sequences [first, first + count). Working
/// matrices keep what lies between the steps of these.
template <class T, class Pass>
Pass part_of(Pass pass, index_t first, index_t count, VectorView<std::int32_t> active) {
  const index_t apart = apart_in(pass);
  const index_t kept = (steps_in(pass) - 1) * apart + count;
  pass.apart = apart;
  pass.lengths = pass.lengths.range(first, count);
  keep_columns(pass.X, first, kept);
  keep_columns(pass.Z, first, kept);
  RecurrentLoop<T>& loop = pass.loop;
  for (MatrixView<T>* of_a_step : {&loop.product, &loop.inner, &loop.output})
    keep_columns(*of_a_step, first, count);
  loop.columns = columns_of(loop.columns, first, kept);
  loop.columns.active = active;
  loop.step_norms = loop.step_norms.range(first, kept);
  loop.state_norms = loop.state_norms.range(first, kept);
  if (!loop.mix) return pass;
  AndersonHistory<T>& mix = *loop.mix;
  for (MatrixView<T>* points : {&mix.Y, &mix.F_even, &mix.G_even, &mix.F_odd, &mix.G_odd})
    keep_columns(*points, first, count);
  mix.accepted = mix.accepted.range(first, count);
  mix.points = mix.points.range(first, count);
  return pass;
}

}  // namespace

template <class T>
Recurrence<T> sequences_of(const Recurrence<T>& pass, index_t first, index_t count,
                           VectorView<std::int32_t> active) {
  const index_t m = sequences_in(pass);
  auto part = part_of<T>(pass, first, count, active);
  keep_sequences(part.x, first, count, m);
  keep_sequences(part.H, first, count, m);
  keep_columns(part.U, first, part.X.cols);
  keep_columns(part.h, first, count);
  keep_columns(part.X_before, first, count);
  return part;
}

template <class T>
RecurrenceAdjoint<T> sequences_of(const RecurrenceAdjoint<T>& pass, index_t first, index_t count,
                                  VectorView<std::int32_t> active) {
  const index_t m = sequences_in(pass);
  auto part = part_of<T>(pass, first, count, active);
  keep_sequences(part.dH, first, count, m);
  for (MatrixView<T>* steps : {&part.V, &part.g}) keep_columns(*steps, first, part.X.cols);
  for (MatrixView<T>* of_a_step : {&part.dh, &part.Psi, &part.G})
    keep_columns(*of_a_step, first, count);
  keep_columns(part.V_after, first, count);
  return part;
}

template <class T>
std::vector<index_t> order_of(const Recurrence<T>& pass) {
  std::vector<index_t> steps(static_cast<std::size_t>(steps_in(pass)));
  std::iota(steps.begin(), steps.end(), index_t(0));
  return steps;
}
template <class T>
std::vector<index_t> order_of(const RecurrenceAdjoint<T>& pass) {
  std::vector<index_t> steps(static_cast<std::size_t>(steps_in(pass)));
  std::iota(steps.rbegin(), steps.rend(), index_t(0));
  return steps;
}

template <class T>
FixedPoint<T> solve_of(const Recurrence<T>& pass, index_t t) {
  FixedPoint<T> solve = solve_in<T>(pass, t);
  solve.f = PicardMap<T>{.Z = step_in(pass, pass.Z, t), .activation = pass.activation};
  return solve;
}

template <class T>
FixedPoint<T> solve_of(const RecurrenceAdjoint<T>& pass, index_t t) {
  FixedPoint<T> solve = solve_in<T>(pass, t);
  solve.transpose = true;
  solve.f = AdjointMap<T>{.G = pass.G, .Psi = pass.Psi};
  return solve;
}

template <class T>
CopyStep<T> x_into_U(const Recurrence<T>& pass, index_t t) {
  return {.X = step_of(pass.x, pass.first + t, sequences_in(pass)),
          .Y = step_in(pass, pass.U, t).row_range(0, pass.x.rows),
          .lengths = pass.lengths,
          .step = pass.first + t};
}

template <class T>
index_t inputs_beforehand(const Recurrence<T>& pass) {
  // Of fewer inputs than h has entries the product costs less than another pass over Z.
  const index_t inputs = pass.x.rows;
  return entries_of(pass.B) && inputs >= pass.h.rows ? inputs : 0;
}

template <class T>
Sequence steps_at_first(const Recurrence<T>& pass) {
  const index_t inputs = inputs_beforehand(pass);
  if (inputs == 0) return {};
  Sequence sequence;
  for (const index_t t : order_of(pass)) sequence.push_back(x_into_U(pass, t));
  append(sequence, product_steps<T>(
                       rows_of(pass.B, 0, inputs, /*transpose=*/true), pass.U.row_range(0, inputs),
                       pass.Z, {.batch_invariant = pass.loop.batch_invariant}, pass.loop.inner));
  return sequence;
}
template <class T>
Sequence steps_at_first(const RecurrenceAdjoint<T>&) {
  return {};
}

template <class T>
Sequence steps_before(const Recurrence<T>& pass, index_t t) {
  const index_t step = pass.first + t;
  const MatrixView<T> U = step_in(pass, pass.U, t);
  const index_t known = inputs_beforehand(pass);
  Sequence sequence;
  if (known == 0) sequence.push_back(x_into_U(pass, t));
  sequence.push_back(CopyStep<T>{.X = pass.h,
                                 .Y = U.row_range(pass.x.rows, pass.h.rows),
                                 .lengths = pass.lengths,
                                 .step = step});
  append(sequence,
         product_steps<T>(
             known > 0 ? rows_of(pass.B, known, U.rows - known, /*transpose=*/true) : pass.B,
             U.row_range(known, U.rows - known), step_in(pass, pass.Z, t),
             {.accumulate = known > 0, .batch_invariant = pass.loop.batch_invariant},
             pass.loop.inner));
  const ConstMatrixView<T> before =
      t > 0 ? ConstMatrixView<T>(step_in(pass, pass.X, t - 1)) : pass.X_before;
  append(sequence, start_of(pass.loop, solve_of(pass, t), pass.lengths, step, before));
  return sequence;
}

template <class T>
Sequence steps_after(const Recurrence<T>& pass, index_t t) {
  const index_t m = sequences_in(pass);
  const index_t step = pass.first + t;
  const MatrixView<T> H = pass.H.cols > 0 ? step_of(pass.H, step, m) : pass.loop.output;
  const bool batch_invariant = pass.loop.batch_invariant;
  Sequence sequence = product_steps<T>(pass.C, step_in(pass, pass.X, t), H,
                                       {.batch_invariant = batch_invariant}, pass.loop.inner);
  if (pass.D)
    append(sequence, product_steps<T>(*pass.D, step_in(pass, pass.U, t), H,
                                      {.accumulate = true, .batch_invariant = batch_invariant},
                                      pass.loop.inner));
  sequence.push_back(
      CopyStep<T>{.X = H, .Y = pass.h, .lengths = pass.lengths, .step = step, .keep = true});
  return sequence;
}

template <class T>
Sequence steps_before(const RecurrenceAdjoint<T>& pass, index_t t) {
  const index_t m = sequences_in(pass);
  const index_t step = pass.first + t;
  const ConstMatrixView<T> Z = step_in(pass, pass.Z, t);
  const MatrixView<T> g = step_in(pass, pass.g, t);
  const ProductOptions options = {.batch_invariant = pass.loop.batch_invariant};
  ProductOptions transposed = options;
  transposed.transpose = true;
  Sequence sequence = {CopyStep<T>{.X = pass.dh, .Y = g, .lengths = pass.lengths, .step = step}};
  if (pass.dH.cols > 0)
    sequence.push_back(CopyStep<T>{.X = step_of(pass.dH, step, m),
                                   .Y = g,
                                   .lengths = pass.lengths,
                                   .step = step,
                                   .add = true});
  append(sequence,
         product_steps<T>(pass.A, step_in(pass, pass.X, t), pass.Psi, options, pass.loop.inner));
  sequence.push_back(ActivationDerivative<T>{
      .S = pass.Psi, .Z = Z, .Psi = pass.Psi, .activation = pass.activation});
  append(sequence, product_steps<T>(pass.C, g, pass.G, transposed, pass.loop.inner));
  const index_t last = steps_in(pass) - 1;
  const ConstMatrixView<T> after =
      t < last ? ConstMatrixView<T>(step_in(pass, pass.V, t + 1)) : pass.V_after;
  append(sequence, start_of(pass.loop, solve_of(pass, t), pass.lengths, step, after));
  return sequence;
}

template <class T>
Sequence steps_after(const RecurrenceAdjoint<T>& pass, index_t t) {
  const index_t step = pass.first + t;
  CopyStep<T> carry = {.Y = pass.dh, .lengths = pass.lengths, .step = step, .keep = true};
  // Gradients end here.
  if (pass.truncate > 0 && step > 0 && step % pass.truncate == 0) return {carry};
  const auto of_h = [&](const LinearMap<T>& map) {
    return rows_of(map, pass.inputs, pass.dh.rows, /*transpose=*/true);
  };
  ProductOptions options = {.transpose = true, .batch_invariant = pass.loop.batch_invariant};
  Sequence sequence = product_steps<T>(of_h(pass.B), step_in(pass, pass.V, t), pass.loop.output,
                                       options, pass.loop.inner);
  options.accumulate = true;
  if (pass.D)
    append(sequence, product_steps<T>(of_h(*pass.D), step_in(pass, pass.g, t), pass.loop.output,
                                      options, pass.loop.inner));
  carry.X = pass.loop.output;
  sequence.push_back(carry);
  return sequence;
}

std::unique_ptr<Program> Backend::compile(const Recurrence<float>& pass) {
  validate(pass, device());
  return compile_steps(*this, pass);
}
std::unique_ptr<Program> Backend::compile(const Recurrence<double>& pass) {
  validate(pass, device());
  return compile_steps(*this, pass);
}
std::unique_ptr<Program> Backend::compile(const RecurrenceAdjoint<float>& pass) {
  validate(pass, device());
  return compile_steps(*this, pass);
}
std::unique_ptr<Program> Backend::compile(const RecurrenceAdjoint<double>& pass) {
  validate(pass, device());
  return compile_steps(*this, pass);
}

template Recurrence<float> sequences_of(const Recurrence<float>&, index_t, index_t,
                                        VectorView<std::int32_t>);
template Recurrence<double> sequences_of(const Recurrence<double>&, index_t, index_t,
                                         VectorView<std::int32_t>);
template RecurrenceAdjoint<float> sequences_of(const RecurrenceAdjoint<float>&, index_t, index_t,
                                               VectorView<std::int32_t>);
template RecurrenceAdjoint<double> sequences_of(const RecurrenceAdjoint<double>&, index_t, index_t,
                                                VectorView<std::int32_t>);
template std::vector<index_t> order_of(const Recurrence<float>&);
template std::vector<index_t> order_of(const Recurrence<double>&);
template std::vector<index_t> order_of(const RecurrenceAdjoint<float>&);
template std::vector<index_t> order_of(const RecurrenceAdjoint<double>&);
template index_t inputs_beforehand(const Recurrence<float>&);
template index_t inputs_beforehand(const Recurrence<double>&);
template CopyStep<float> x_into_U(const Recurrence<float>&, index_t);
template CopyStep<double> x_into_U(const Recurrence<double>&, index_t);
template Sequence steps_at_first(const RecurrenceAdjoint<float>&);
template Sequence steps_at_first(const RecurrenceAdjoint<double>&);
template FixedPoint<float> solve_of(const Recurrence<float>&, index_t);
template FixedPoint<double> solve_of(const Recurrence<double>&, index_t);
template FixedPoint<float> solve_of(const RecurrenceAdjoint<float>&, index_t);
template FixedPoint<double> solve_of(const RecurrenceAdjoint<double>&, index_t);
template Sequence steps_at_first(const Recurrence<float>&);
template Sequence steps_at_first(const Recurrence<double>&);
template Sequence steps_before(const Recurrence<float>&, index_t);
template Sequence steps_before(const Recurrence<double>&, index_t);
template Sequence steps_before(const RecurrenceAdjoint<float>&, index_t);
template Sequence steps_before(const RecurrenceAdjoint<double>&, index_t);
template Sequence steps_after(const Recurrence<float>&, index_t);
template Sequence steps_after(const Recurrence<double>&, index_t);
template Sequence steps_after(const RecurrenceAdjoint<float>&, index_t);
template Sequence steps_after(const RecurrenceAdjoint<double>&, index_t);
template ColumnStatus<float> columns_of(const ColumnStatus<float>&, index_t, index_t);
template ColumnStatus<double> columns_of(const ColumnStatus<double>&, index_t, index_t);

}  // namespace idl
