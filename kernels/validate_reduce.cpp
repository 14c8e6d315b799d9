// SPDX-License-Identifier: MIT
#include <string>

#include "kernels/operand_checks.hpp"
#include "kernels/validate.hpp"

namespace idl {
namespace {

template <class T>
void check(const Reduce<T>& r, Device device) {
  OperandChecks checks("Reduce", device);
  checks.input("x", r.x);
  checks.output("result", r.result);
  if (r.y.size == 0) {
    checks.one_element("result", r.result);
  } else {
    checks.input("y", r.y);
    checks.equal("y", r.y.size, "elements", "x", r.x.size, "elements");
    if (r.result.size != 2) {
      checks.fail("result has " + std::to_string(r.result.size) +
                  " elements, expected 2, since there is y");
    }
  }
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
