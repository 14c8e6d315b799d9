// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "kernels/operand_checks.hpp"
#include "kernels/primitives.hpp"

/// The checks of the optimisers' steps. A part of validate.cpp.
namespace idl {

inline bool is_decay_rate(double beta) { return beta >= 0 && beta < 1; }

template <class T>
void check(const AdamUpdate<T>& u, Device device) {
  OperandChecks checks("AdamUpdate", device);
  checks.output("M", u.M);
  checks.input("dM", u.dM);
  checks.output("m1", u.m1);
  checks.output("m2", u.m2);
  checks.same_shape("dM", u.dM, "M", u.M);
  checks.same_shape("m1", u.m1, "M", u.M);
  checks.same_shape("m2", u.m2, "M", u.M);
  checks.input("schedule", u.schedule);
  if (u.schedule.size > 0)
    checks.equal("schedule", u.schedule.size, "elements", "Adam", 3, "factors");
  checks.output("left_out", u.left_out);
  if (u.left_out.size > 0) checks.one_element("left_out", u.left_out);
  if (u.step < 1) checks.fail("step is " + std::to_string(u.step) + ", the first is 1");
  if (!is_decay_rate(u.beta1) || !is_decay_rate(u.beta2)) {
    checks.fail("beta1 is " + std::to_string(u.beta1) + " and beta2 " + std::to_string(u.beta2) +
                ", expected in [0, 1)");
  }
  if (!(u.epsilon >= 0)) checks.fail("epsilon is " + std::to_string(u.epsilon));
  checks.apart();
}

template <class T>
void check(const SgdUpdate<T>& u, Device device) {
  OperandChecks checks("SgdUpdate", device);
  checks.output("M", u.M);
  checks.input("dM", u.dM);
  checks.output("velocity", u.velocity);
  checks.same_shape("dM", u.dM, "M", u.M);
  checks.same_shape("velocity", u.velocity, "M", u.M);
  checks.input("schedule", u.schedule);
  if (u.schedule.size > 0) checks.one_element("schedule", u.schedule);
  checks.output("left_out", u.left_out);
  if (u.left_out.size > 0) checks.one_element("left_out", u.left_out);
  checks.apart();
}

template <class T>
void check(const StoreValues<T>& store, Device device) {
  OperandChecks checks("StoreValues", device);
  checks.output("to", store.to);
  const auto most = static_cast<index_t>(store.values.size());
  if (store.to.size > most)
    checks.fail("to has " + std::to_string(store.to.size) + " elements, at most " +
                std::to_string(most) + " can be stored");
}

}  // namespace idl
