// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/check_activations.hpp"
#include "kernels/loop_updates.hpp"
#include "kernels/operand_checks.hpp"
#include "kernels/primitives.hpp"

/// The checks of what works on samples that lie in rows. A part of validate.cpp.
namespace idl {

template <class T>
void check(const Transpose<T>& t, Device device) {
  OperandChecks checks("Transpose", device);
  checks.input("X", t.X);
  checks.output("Y", t.Y);
  checks.equal("Y", t.Y.rows, "rows", "X", t.X.cols, "columns");
  checks.equal("Y", t.Y.cols, "columns", "X", t.X.rows, "rows");
  checks.apart();
}

template <class T>
void check(const SampleSpmm<T>& s, Device device) {
  OperandChecks checks("SampleSpmm", device);
  checks.input("A", s.A);
  checks.input("B", s.B);
  checks.output("C", s.C);
  checks.equal("B", s.B.cols, "columns", "A", s.A.cols, "columns");
  checks.equal("C", s.C.cols, "columns", "A", s.A.rows, "rows");
  checks.equal("C", s.C.rows, "rows", "B", s.B.rows, "rows");
  checks.apart();
}

template <class T>
void check(const SampleUpdate<T>& u, Device device) {
  check_compiled_in(u.update, "SampleUpdate", device);
  OperandChecks checks("SampleUpdate", device);
  std::visit(
      [&](auto update) {
        const MatrixView<T> X = state_of(update);
        const auto input = [&](const char* name, const ConstMatrixView<T>& view) {
          checks.input(name, view);
          checks.same_shape(name, view, "X", X);
        };
        checks.output("X", X);
        input("from", u.from);
        if (u.A) {
          checks.input("A", *u.A);
          checks.equal("A", u.A->rows, "rows", "X", X.cols, "columns");
          checks.equal("A", u.A->cols, "columns", "X", X.cols, "columns");
        } else {
          input("S", product_of(update));
        }
        for (const ConstMatrixView<T>* constant : constants_of(update)) input("f", *constant);
        checks.output("step_norms", update.step_norms);
        checks.output("state_norms", update.state_norms);
        checks.input("status", update.status);
        checks.per_row("step_norms", update.step_norms, "X", X);
        checks.per_row("state_norms", update.state_norms, "X", X);
        checks.per_row("status", update.status, "X", X);
        if (update.join) checks.fail("join is true");
        // `from` may be X itself, entry on entry, where nothing is multiplied.
        const bool in_place = !u.A && u.from.data == X.data && u.from.ld == X.ld;
        checks.apart(in_place ? "from" : "", in_place ? "X" : "");
      },
      u.update);
}

template <class T>
void check(const CopyStep<T>& c, Device device) {
  OperandChecks checks("CopyStep", device);
  checks.input("X", c.X);
  checks.output("Y", c.Y);
  checks.input("lengths", c.lengths);
  if (c.X.cols > 0) checks.same_shape("X", c.X, "Y", c.Y);
  checks.per_column("lengths", c.lengths, "Y", c.Y);
  checks.apart();
}

}  // namespace idl
