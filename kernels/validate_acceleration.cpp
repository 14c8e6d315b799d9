// SPDX-License-Identifier: MIT
#include "kernels/operand_checks.hpp"
#include "kernels/validate.hpp"

namespace idl {
namespace {

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

void check(const ListRunning& list, Device device) {
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

}  // namespace

template <>
void validate(const ListRunning& list, Device device) {
  check(list, device);
}
template <>
void validate(const MoveStatus<float>& move, Device device) {
  check(move, device);
}
template <>
void validate(const MoveStatus<double>& move, Device device) {
  check(move, device);
}
template <>
void validate(const AndersonMix<float>& mix, Device device) {
  check(mix, device);
}
template <>
void validate(const AndersonMix<double>& mix, Device device) {
  check(mix, device);
}

}  // namespace idl
