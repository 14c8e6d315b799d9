// SPDX-License-Identifier: MIT
#include "kernels/operand_checks.hpp"
#include "kernels/validate.hpp"

namespace idl {
namespace {

template <class T>
void check(const Reduce<T>& r, Device device) {
  OperandChecks checks("Reduce", device);
  checks.input("x", r.x);
  checks.output("result", r.result);
  checks.one_element("result", r.result);
  checks.apart();
}

}  // namespace

template <>
void validate(const Reduce<float>& r, Device device) {
  check(r, device);
}
template <>
void validate(const Reduce<double>& r, Device device) {
  check(r, device);
}

}  // namespace idl
