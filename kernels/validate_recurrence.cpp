// SPDX-License-Identifier: MIT
#include <string>

#include "kernels/operand_checks.hpp"
#include "kernels/recurrence.hpp"
#include "kernels/validate.hpp"

namespace idl {
namespace {

/// The sizes that a pass and its adjoint have in common.
struct RecurrentSizes {
  index_t n;
  index_t hidden;
  index_t m;
  index_t columns;  ///< of the working matrices
};

template <class Pass, class State>
RecurrentSizes check_common(const OperandChecks& checks, const Pass& pass, const State& state) {
  const RecurrentSizes sizes = {
      .n = rows(pass.A), .hidden = rows(pass.C), .m = pass.lengths.size, .columns = state.cols};
  checks.equal("A", cols(pass.A), "columns", "A", sizes.n, "rows");
  checks.equal("B", rows(pass.B), "rows", "A", sizes.n, "rows");
  checks.equal("C", cols(pass.C), "columns", "A", sizes.n, "rows");
  if (pass.D) {
    checks.equal("D", rows(*pass.D), "rows", "C", sizes.hidden, "rows");
    checks.equal("D", cols(*pass.D), "columns", "B", cols(pass.B), "columns");
  }
  if (sizes.m < 1 || sizes.columns < 1 || sizes.columns % sizes.m != 0)
    checks.fail("the state has " + std::to_string(sizes.columns) + " columns, lengths " +
                std::to_string(sizes.m) + " elements, of which each has a step or more");
  if (pass.apart != 0)
    checks.fail("apart is " + std::to_string(pass.apart) + ", expected 0 for all sequences");
  if (pass.first < 0) checks.fail("first is " + std::to_string(pass.first) + ", expected >= 0");
  checks.equal("state", state.rows, "rows", "A", sizes.n, "rows");
  const auto& loop = pass.loop;
  checks.equal("product", loop.product.rows, "rows", "A", sizes.n, "rows");
  checks.equal("product", loop.product.cols, "columns", "lengths", sizes.m, "elements");
  checks.equal("output", loop.output.rows, "rows", "C", sizes.hidden, "rows");
  checks.equal("output", loop.output.cols, "columns", "lengths", sizes.m, "elements");
  checks.equal("status", loop.columns.status.size, "elements", "state", sizes.columns, "columns");
  if (loop.sweep == Sweep::automatic) checks.fail("sweep is automatic, expected one that is not");
  return sizes;
}

/// A caller's matrix holds all steps up to the last.
template <class View>
void check_callers(const OperandChecks& checks, const char* name, const View& view,
                   const RecurrentSizes& sizes, index_t first) {
  const index_t steps = first + sizes.columns / sizes.m;
  if (view.cols % sizes.m != 0 || view.cols / sizes.m < steps)
    checks.fail(std::string(name) + " has " + std::to_string(view.cols) + " columns, " +
                std::to_string(sizes.m) + " sequences of " + std::to_string(steps) +
                " steps or more have others");
}

}  // namespace

template <class T>
void validate(const Recurrence<T>& pass, Device device) {
  const OperandChecks checks("Recurrence", device);
  const RecurrentSizes sizes = check_common(checks, pass, pass.X);
  checks.equal("U", pass.U.rows, "rows", "B", cols(pass.B), "columns");
  checks.equal("U", pass.U.cols, "columns", "X", sizes.columns, "columns");
  checks.same_shape("Z", pass.Z, "X", pass.X);
  checks.equal("h", pass.h.rows, "rows", "C", sizes.hidden, "rows");
  checks.equal("h", pass.h.cols, "columns", "lengths", sizes.m, "elements");
  if (pass.x.rows + sizes.hidden > pass.U.rows)
    checks.fail("x has " + std::to_string(pass.x.rows) + " rows and h " +
                std::to_string(sizes.hidden) + ", more than U with " + std::to_string(pass.U.rows));
  check_callers(checks, "x", pass.x, sizes, pass.first);
  if (pass.H.cols > 0) {
    checks.equal("H", pass.H.rows, "rows", "C", sizes.hidden, "rows");
    check_callers(checks, "H", pass.H, sizes, pass.first);
  }
}

template <class T>
void validate(const RecurrenceAdjoint<T>& pass, Device device) {
  const OperandChecks checks("RecurrenceAdjoint", device);
  const RecurrentSizes sizes = check_common(checks, pass, pass.V);
  checks.same_shape("X", pass.X, "V", pass.V);
  checks.same_shape("Z", pass.Z, "V", pass.V);
  checks.equal("g", pass.g.rows, "rows", "C", sizes.hidden, "rows");
  checks.equal("g", pass.g.cols, "columns", "V", sizes.columns, "columns");
  checks.equal("dh", pass.dh.rows, "rows", "C", sizes.hidden, "rows");
  checks.equal("dh", pass.dh.cols, "columns", "lengths", sizes.m, "elements");
  checks.same_shape("Psi", pass.Psi, "product", pass.loop.product);
  checks.same_shape("G", pass.G, "product", pass.loop.product);
  if (pass.inputs < 0 || pass.inputs + sizes.hidden > cols(pass.B))
    checks.fail("inputs is " + std::to_string(pass.inputs) + ", h has " +
                std::to_string(sizes.hidden) + " rows, B " + std::to_string(cols(pass.B)) +
                " columns");
  if (pass.truncate < 0)
    checks.fail("truncate is " + std::to_string(pass.truncate) + ", expected >= 0");
  if (pass.dH.cols > 0) {
    checks.equal("dH", pass.dH.rows, "rows", "C", sizes.hidden, "rows");
    check_callers(checks, "dH", pass.dH, sizes, pass.first);
  }
}

template void validate(const Recurrence<float>&, Device);
template void validate(const Recurrence<double>&, Device);
template void validate(const RecurrenceAdjoint<float>&, Device);
template void validate(const RecurrenceAdjoint<double>&, Device);

}  // namespace idl
