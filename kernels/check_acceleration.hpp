// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/operand_checks.hpp"
#include "kernels/primitives.hpp"

/// The checks of what makes loops faster: mixing, low precision, fewer columns. A part of
/// validate.cpp.
namespace idl {

template <class T>
void check(const AndersonMix<T>& mix, Device device) {
  OperandChecks checks("AndersonMix", device);
  checks.output("X", mix.X);
  const auto history = [&](const char* name, const MatrixView<T>& view) {
    checks.output(name, view);
    checks.same_shape(name, view, "X", mix.X);
  };
  history("Y", mix.Y);
  history("F_even", mix.F_even);
  history("G_even", mix.G_even);
  history("F_odd", mix.F_odd);
  history("G_odd", mix.G_odd);
  checks.output("accepted", mix.accepted);
  checks.output("points", mix.points);
  checks.input("step_norms", mix.step_norms);
  checks.input("status", mix.status);
  checks.input("iterations", mix.iterations);
  checks.output("fallbacks", mix.fallbacks);
  checks.per_column("accepted", mix.accepted, "X", mix.X);
  checks.per_column("points", mix.points, "X", mix.X);
  checks.per_column("step_norms", mix.step_norms, "X", mix.X);
  checks.per_column("status", mix.status, "X", mix.X);
  checks.per_column("iterations", mix.iterations, "X", mix.X);
  checks.per_column("fallbacks", mix.fallbacks, "X", mix.X);
  checks.apart();
}

inline void check(const RoundToBFloat16& round, Device device) {
  OperandChecks checks("RoundToBFloat16", device);
  checks.input("X", round.X);
  checks.output("Y", round.Y);
  checks.same_shape("Y", round.Y, "X", round.X);
  if (round.X0.cols > 0) {
    checks.input("X0", round.X0);
    checks.same_shape("X0", round.X0, "X", round.X);
  }
  checks.apart();
}

inline void check(const LowGemm& g, Device device) {
  OperandChecks checks("LowGemm", device);
  checks.input("A", g.A);
  checks.input("B", g.B);
  checks.output("C", g.C);
  const index_t inner = g.transpose_A ? g.A.rows : g.A.cols;
  checks.equal("B", g.B.rows, "rows", "op(A)", inner, "columns");
  checks.equal("C", g.C.rows, "rows", "op(A)", g.transpose_A ? g.A.cols : g.A.rows, "rows");
  checks.equal("C", g.C.cols, "columns", "B", g.B.cols, "columns");
  if (inner == 0) checks.fail("op(A) has no columns");
  checks.apart();
}

inline void check_inner(OperandChecks& checks, const InnerColumns& inner, index_t columns) {
  const auto vector = [&](const char* name, const auto& view) {
    checks.output(name, view);
    checks.equal(name, view.size, "elements", "step_norms", columns, "elements");
  };
  vector("inner status", inner.status);
  vector("targets", inner.targets);
  vector("best_steps", inner.best_steps);
  vector("stalled", inner.stalled);
  checks.output("active", inner.active);
  checks.one_element("active", inner.active);
}

inline void check(const BeginRefinement& begin, Device device) {
  OperandChecks checks("BeginRefinement", device);
  const index_t columns = begin.step_norms.size;
  checks.input("status", begin.status);
  checks.input("step_norms", begin.step_norms);
  checks.input("state_norms", begin.state_norms);
  checks.input("contraction", begin.contraction);
  checks.equal("status", begin.status.size, "elements", "step_norms", columns, "elements");
  checks.equal("state_norms", begin.state_norms.size, "elements", "step_norms", columns,
               "elements");
  if (begin.certified) checks.one_element("contraction", begin.contraction);
  check_inner(checks, begin.inner, columns);
  checks.apart();
}

inline void check(const UpdateRefinement& update, Device device) {
  OperandChecks checks("UpdateRefinement", device);
  const index_t columns = update.step_norms.size;
  checks.input("step_norms", update.step_norms);
  checks.output("low_iterations", update.low_iterations);
  checks.equal("low_iterations", update.low_iterations.size, "elements", "step_norms", columns,
               "elements");
  check_inner(checks, update.inner, columns);
  checks.apart();
}

inline void check(const ListRunning& list, Device device) {
  OperandChecks checks("ListRunning", device);
  checks.input("status", list.status);
  checks.output("indices", list.indices);
  checks.fits_int32("status", list.status.size, "elements");
  checks.apart();
}

template <class T>
void check_entries(OperandChecks& checks, const ColumnEntries<T>& entries, index_t columns) {
  const auto vector = [&](const char* name, const auto& view) {
    checks.output(name, view);
    checks.equal(name, view.size, "elements", "status", columns, "elements");
  };
  vector("status", entries.columns.status);
  vector("iterations", entries.columns.iterations);
  vector("best_steps", entries.columns.best_steps);
  vector("stalled", entries.columns.stalled);
  vector("step_norms", entries.step_norms);
  vector("state_norms", entries.state_norms);
}

template <class T>
void check(const MoveStatus<T>& move, Device device) {
  OperandChecks checks("MoveStatus", device);
  check_entries(checks, move.whole, move.whole.columns.status.size);
  check_entries(checks, move.part, move.indices.size);
  checks.input("indices", move.indices);
  checks.apart();
}

}  // namespace idl
