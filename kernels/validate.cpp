// SPDX-License-Identifier: MIT
#include "kernels/validate.hpp"

#include <string>
#include <variant>

#include "idl/error.hpp"
#include "kernels/check_acceleration.hpp"
#include "kernels/check_activations.hpp"
#include "kernels/check_optimisers.hpp"
#include "kernels/check_samples.hpp"
#include "kernels/loop_updates.hpp"
#include "kernels/operand_checks.hpp"

namespace idl {
namespace {

template <class T>
void check(const Gemm<T>& g, Device device) {
  OperandChecks checks("Gemm", device);
  checks.input("A", g.A);
  checks.input("B", g.B);
  checks.output("C", g.C);
  const char* B = g.transpose_B ? "op(B)" : "B";
  checks.equal(B, g.transpose_B ? g.B.cols : g.B.rows, "rows", "op(A)",
               g.transpose_A ? g.A.rows : g.A.cols, "columns");
  checks.equal("C", g.C.rows, "rows", "op(A)", g.transpose_A ? g.A.cols : g.A.rows, "rows");
  checks.equal("C", g.C.cols, "columns", B, g.transpose_B ? g.B.rows : g.B.cols, "columns");
  if (g.batch_invariant && g.transpose_B) {
    checks.fail("batch_invariant needs a B that is not transposed");
  }
  checks.apart();
}

template <class T>
void check(const Spmm<T>& s, Device device) {
  OperandChecks checks("Spmm", device);
  checks.input("A", s.A);
  checks.input("B", s.B);
  checks.output("C", s.C);
  checks.equal("B", s.B.rows, "rows", "op(A)", s.transpose_A ? s.A.rows : s.A.cols, "columns");
  checks.equal("C", s.C.rows, "rows", "op(A)", s.transpose_A ? s.A.cols : s.A.rows, "rows");
  checks.equal("C", s.C.cols, "columns", "B", s.B.cols, "columns");
  checks.apart();
}

template <class T>
void check(const Sddmm<T>& s, Device device) {
  OperandChecks checks("Sddmm", device);
  checks.input("V", s.V);
  checks.input("X", s.X);
  checks.output("P", s.P, true);
  checks.equal("X", s.X.cols, "columns", "V", s.V.cols, "columns");
  checks.equal("P", s.P.rows, "rows", "V", s.V.rows, "rows");
  checks.equal("P", s.P.cols, "columns", "X", s.X.rows, "rows");
  checks.apart();
}

// The vectors of an update of the columns of `state`.
template <class T, class Update>
void check_norms(OperandChecks& checks, const Update& u, const char* name,
                 const MatrixView<T>& state) {
  checks.output("step_norms", u.step_norms);
  checks.output("state_norms", u.state_norms);
  checks.input("status", u.status);
  checks.per_column("step_norms", u.step_norms, name, state);
  checks.per_column("state_norms", u.state_norms, name, state);
  checks.per_column("status", u.status, name, state);
}

template <class T>
void check(const PicardUpdate<T>& u, Device device) {
  OperandChecks checks("PicardUpdate", device);
  checks.input("S", u.S);
  checks.input("Z", u.Z);
  checks.output("X", u.X);
  checks.same_shape("S", u.S, "X", u.X);
  checks.same_shape("Z", u.Z, "X", u.X);
  check_norms(checks, u, "X", u.X);
  checks.apart();
  check_runs_on<T>(u.activation, device);
}

template <class T>
void check(const AdjointUpdate<T>& u, Device device) {
  OperandChecks checks("AdjointUpdate", device);
  checks.input("W", u.W);
  checks.input("G", u.G);
  checks.input("Psi", u.Psi);
  checks.output("V", u.V);
  checks.same_shape("W", u.W, "V", u.V);
  checks.same_shape("G", u.G, "V", u.V);
  checks.same_shape("Psi", u.Psi, "V", u.V);
  check_norms(checks, u, "V", u.V);
  checks.apart();
}

template <class T>
void check(const Substitute<T>& s, Device device) {
  std::visit([device](const auto& update) { check(update, device); }, s.update);
  auto update = s.update;
  const MatrixView<T> X = std::visit([](auto& each) { return state_of(each); }, update);
  check_compiled_in(s.update, "Substitute", device);
  OperandChecks checks("Substitute", device);
  checks.input("A", s.A);
  checks.output("X", X);
  checks.equal("A", s.A.rows, "rows", "X", X.rows, "rows");
  checks.equal("A", s.A.cols, "columns", "X", X.rows, "rows");
  if (X.rows > k_most_substituted_rows)
    checks.fail("X has " + std::to_string(X.rows) + " rows, at most " +
                std::to_string(k_most_substituted_rows) + " are taken together");
  checks.apart();
}

template <class T>
void check(const SubstituteByLevels<T>& s, Device device) {
  std::visit([device](const auto& update) { check(update, device); }, s.update);
  auto update = s.update;
  const MatrixView<T> X = std::visit([](auto& each) { return state_of(each); }, update);
  check_compiled_in(s.update, "SubstituteByLevels", device);
  OperandChecks checks("SubstituteByLevels", device);
  checks.input("A", s.A);
  checks.input("levels.rows", s.levels.rows);
  checks.input("levels.offsets", s.levels.offsets);
  checks.output("X", X);
  checks.equal("A", s.A.rows, "rows", "X", X.rows, "rows");
  checks.equal("A", s.A.cols, "columns", "X", X.rows, "rows");
  checks.per_row("levels.rows", s.levels.rows, "X", X);
  if (s.levels.offsets.size < 1) checks.fail("levels.offsets is empty");
  checks.apart();
}

// The vectors that a loop keeps; all have one element per column, `active` one in all.
template <class Primitive>
void check_columns(OperandChecks& checks, const Primitive& p) {
  const auto& columns = p.columns;
  checks.output("status", columns.status);
  checks.output("iterations", columns.iterations);
  checks.output("best_steps", columns.best_steps);
  checks.output("stalled", columns.stalled);
  checks.output("active", columns.active);
  checks.output("fallbacks", columns.fallbacks);
  checks.output("low_iterations", columns.low_iterations);
  const index_t m = columns.status.size;
  checks.fits_int32("status", m, "elements");
  checks.equal("iterations", columns.iterations.size, "elements", "status", m, "elements");
  checks.equal("best_steps", columns.best_steps.size, "elements", "status", m, "elements");
  checks.equal("stalled", columns.stalled.size, "elements", "status", m, "elements");
  checks.equal("step_norms", p.step_norms.size, "elements", "status", m, "elements");
  checks.equal("state_norms", p.state_norms.size, "elements", "status", m, "elements");
  checks.one_element("active", columns.active);
}

template <class T>
void check(const ResetStatus<T>& r, Device device) {
  OperandChecks checks("ResetStatus", device);
  check_columns(checks, r);
  checks.output("step_norms", r.step_norms);
  checks.output("state_norms", r.state_norms);
  checks.input("lengths", r.lengths);
  if (r.lengths.size > 0)
    checks.equal("lengths", r.lengths.size, "elements", "status", r.columns.status.size,
                 "elements");
  checks.apart();
}

template <class T>
void check(const UpdateStatus<T>& u, Device device) {
  OperandChecks checks("UpdateStatus", device);
  check_columns(checks, u);
  checks.input("step_norms", u.step_norms);
  checks.input("state_norms", u.state_norms);
  checks.input("contraction", u.contraction);
  if (u.certified || u.contraction.size > 0) checks.one_element("contraction", u.contraction);
  if (!(u.absolute >= T(0) && u.relative >= T(0) && u.rounding >= T(0))) {
    checks.fail("absolute " + std::to_string(u.absolute) + ", relative " +
                std::to_string(u.relative) + " and rounding " + std::to_string(u.rounding) +
                " must not be negative");
  }
  if (u.max_iterations < 0) checks.fail("max_iterations is " + std::to_string(u.max_iterations));
  checks.apart();
}

template <class T>
void check(const GatherColumns<T>& g, Device device) {
  OperandChecks checks("GatherColumns", device);
  checks.input("X", g.X);
  checks.input("indices", g.indices);
  checks.output("Y", g.Y);
  checks.equal("Y", g.Y.rows, "rows", "X", g.X.rows, "rows");
  checks.per_column("indices", g.indices, "Y", g.Y);
  checks.apart();
}

template <class T>
void check(const ScatterColumns<T>& s, Device device) {
  OperandChecks checks("ScatterColumns", device);
  checks.input("X", s.X);
  checks.input("indices", s.indices);
  checks.output("Y", s.Y);
  checks.equal("Y", s.Y.rows, "rows", "X", s.X.rows, "rows");
  checks.per_column("indices", s.indices, "X", s.X);
  checks.apart();
}

template <class T>
void check(const SoftmaxCrossEntropy<T>& s, Device device) {
  OperandChecks checks("SoftmaxCrossEntropy", device);
  checks.input("Y", s.Y);
  checks.input("labels", s.labels);
  checks.output("dY", s.dY);
  checks.output("losses", s.losses);
  checks.output("correct", s.correct);
  checks.fits_int32("Y", s.Y.rows, "rows");
  checks.per_column("labels", s.labels, "Y", s.Y);
  checks.per_column("losses", s.losses, "Y", s.Y);
  if (s.correct.size > 0) checks.per_column("correct", s.correct, "Y", s.Y);
  if (s.dY.cols > 0) checks.same_shape("dY", s.dY, "Y", s.Y);
  checks.apart();
}

template <class T>
void check(const SquaredError<T>& s, Device device) {
  OperandChecks checks("SquaredError", device);
  checks.input("Y", s.Y);
  checks.input("target", s.target);
  checks.output("dY", s.dY);
  checks.output("losses", s.losses);
  checks.same_shape("target", s.target, "Y", s.Y);
  checks.per_column("losses", s.losses, "Y", s.Y);
  if (s.dY.cols > 0) checks.same_shape("dY", s.dY, "Y", s.Y);
  checks.apart();
}

template <class T>
void check(const MaskStrictlyUpper<T>& m, Device device) {
  OperandChecks("MaskStrictlyUpper", device).output("A", m.A);
}

template <class T>
void check(const RowAbsSums<T>& r, Device device) {
  OperandChecks checks("RowAbsSums", device);
  checks.input("A", r.A);
  checks.input("weights", r.weights);
  checks.output("sums", r.sums);
  if (r.weights.size > 0) checks.per_column("weights", r.weights, "A", r.A);
  checks.per_row("sums", r.sums, "A", r.A);
  checks.apart();
}

template <class T>
void check(const CsrRowAbsSums<T>& r, Device device) {
  OperandChecks checks("CsrRowAbsSums", device);
  checks.input("A", r.A);
  checks.output("sums", r.sums);
  checks.per_row("sums", r.sums, "A", r.A);
  checks.apart();
}

template <class T>
void check(const AbsProduct<T>& p, Device device) {
  OperandChecks checks("AbsProduct", device);
  const auto by_A = [&](const auto& A) {
    checks.input("A", A);
    checks.per_column("v", p.v, "A", A);
    checks.per_row("y", p.y, "A", A);
  };
  std::visit(by_A, p.A);
  checks.input("v", p.v);
  checks.output("y", p.y);
  checks.apart();
}

template <class T>
void check(const GatherElements<T>& g, Device device) {
  OperandChecks checks("GatherElements", device);
  checks.input("from", g.from);
  checks.input("indices", g.indices);
  checks.output("to", g.to);
  checks.equal("to", g.to.size, "elements", "indices", g.indices.size, "elements");
  checks.apart();
}

template <class T>
void check(const ColumnNorms<T>& n, Device device) {
  OperandChecks checks("ColumnNorms", device);
  checks.input("X", n.X);
  checks.output("norms", n.norms);
  checks.input("weights", n.weights);
  checks.per_column("norms", n.norms, "X", n.X);
  if (n.weights.size > 0) checks.per_row("weights", n.weights, "X", n.X);
  checks.apart();
}

template <class P>
void check_X_to_Y(const char* primitive, const P& p, Device device) {
  OperandChecks checks(primitive, device);
  checks.input("X", p.X);
  checks.output("Y", p.Y);
  checks.same_shape("X", p.X, "Y", p.Y);
  checks.apart();
}

template <class T>
void check(const AddScaled<T>& p, Device device) {
  check_X_to_Y("AddScaled", p, device);
}
template <class T>
void check(const CopyMatrix<T>& p, Device device) {
  check_X_to_Y("CopyMatrix", p, device);
}
template <class T>
void check(const Convert<T>& p, Device device) {
  check_X_to_Y("Convert", p, device);
}

template <class T>
void check(const Fill<T>& f, Device device) {
  OperandChecks("Fill", device).output("Y", f.Y);
}

template <class T>
void check(const DenseToCsr<T>& d, Device device) {
  OperandChecks checks("DenseToCsr", device);
  checks.input("A", d.A);
  checks.output("P", d.P, false);
  checks.output("nnz", d.nnz);
  checks.same_shape("P", d.P, "A", d.A);
  checks.one_element("nnz", d.nnz);
  checks.apart();
}

template <class T>
void check(const CsrToDense<T>& c, Device device) {
  OperandChecks checks("CsrToDense", device);
  checks.input("P", c.P);
  checks.output("A", c.A);
  checks.same_shape("P", c.P, "A", c.A);
  checks.apart();
}

template <class T>
void check(const FillRandom<T>& f, Device device) {
  OperandChecks("FillRandom", device).output("A", f.A);
}

template <class T>
void check(const ArgmaxColumns<T>& a, Device device) {
  OperandChecks checks("ArgmaxColumns", device);
  checks.input("X", a.X);
  checks.output("indices", a.indices);
  checks.fits_int32("X", a.X.rows, "rows");
  checks.per_column("indices", a.indices, "X", a.X);
  checks.apart();
}

template <class T>
void check(const Reduce<T>& r, Device device) {
  OperandChecks checks("Reduce", device);
  checks.input("x", r.x);
  checks.output("result", r.result);
  checks.one_element("result", r.result);
  checks.apart();
}

}  // namespace

void validate(const Primitive& primitive, Device device) {
  std::visit([device](const auto& each) { check(each, device); }, primitive);
}

void validate(const Sequence& sequence, Device device) {
  for (const Primitive& step : sequence) validate(step, device);
}

void validate_loop(const Sequence& sequence, VectorView<const std::int32_t> active,
                   std::int32_t max_iterations, Device device) {
  IDL_CHECK(active.size == 1 && active.data != nullptr,
            "compile_while: active has size " + std::to_string(active.size) + ", expected 1");
  IDL_CHECK(active.device == device, "compile_while: active is on " + to_string(active.device) +
                                         ", the backend on " + to_string(device));
  IDL_CHECK(max_iterations >= 0,
            "compile_while: max_iterations is " + std::to_string(max_iterations));
  validate(sequence, device);
}

}  // namespace idl
