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

}  // namespace

template <>
void validate(const AndersonMix<float>& mix, Device device) {
  check(mix, device);
}
template <>
void validate(const AndersonMix<double>& mix, Device device) {
  check(mix, device);
}

}  // namespace idl
