// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <type_traits>
#include <variant>

#include "kernels/operand_checks.hpp"
#include "kernels/primitives.hpp"
#include "kernels/validate.hpp"

/// The checks of the optimisers' steps. A part of validate.cpp.
namespace idl {

inline bool is_decay_rate(double beta) { return beta >= 0 && beta < 1; }

template <class T>
void note_operands(const AdamUpdate<T>& u, OperandChecks& checks) {
  checks.output("M", u.M);
  checks.input("dM", u.dM);
  checks.output("m1", u.m1);
  checks.output("m2", u.m2);
  checks.input("schedule", u.schedule);
  checks.output("left_out", u.left_out);
}

template <class T>
void check(const AdamUpdate<T>& u, Device device) {
  OperandChecks checks("AdamUpdate", device);
  note_operands(u, checks);
  checks.same_shape("dM", u.dM, "M", u.M);
  checks.same_shape("m1", u.m1, "M", u.M);
  checks.same_shape("m2", u.m2, "M", u.M);
  if (u.schedule.size > 0)
    checks.equal("schedule", u.schedule.size, "elements", "Adam", 3, "factors");
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
void note_operands(const SgdUpdate<T>& u, OperandChecks& checks) {
  checks.output("M", u.M);
  checks.input("dM", u.dM);
  checks.output("velocity", u.velocity);
  checks.input("schedule", u.schedule);
  checks.output("left_out", u.left_out);
}

template <class T>
void check(const SgdUpdate<T>& u, Device device) {
  OperandChecks checks("SgdUpdate", device);
  note_operands(u, checks);
  checks.same_shape("dM", u.dM, "M", u.M);
  checks.same_shape("velocity", u.velocity, "M", u.M);
  if (u.schedule.size > 0) checks.one_element("schedule", u.schedule);
  if (u.left_out.size > 0) checks.one_element("left_out", u.left_out);
  checks.apart();
}

/// A block without entries is nowhere.
template <class T>
void check_leading(const MatrixView<T>& A, const MatrixView<T>& M, const OperandChecks& checks) {
  if (A.rows == 0 || A.cols == 0) return;
  if (A.data == M.data && A.ld == M.ld && A.rows <= M.rows && A.cols <= M.cols) return;
  checks.fail("A of the projection, " + OperandChecks::shape(A.rows, A.cols) +
              ", is not the leading block of M of the update, " +
              OperandChecks::shape(M.rows, M.cols));
}

template <class T>
void check(const UpdateParameters<T>& step, Device device) {
  const auto check_both = [device]<class Update, class Project>(const Update& update,
                                                                const Project& project) {
    validate(update, device);
    if constexpr (!std::is_same_v<Project, std::monostate>) {
      validate(project, device);
      OperandChecks checks("UpdateParameters", device);
      check_leading(project.A, update.M, checks);
      note_operands(update, checks);
      if constexpr (std::is_same_v<Project, ProjectRowsL1<T>>)
        checks.output("zeros", project.zeros);
      checks.apart();
    }
  };
  std::visit(check_both, step.update, step.projection);
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
