// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <type_traits>
#include <variant>

#include "kernels/operand_checks.hpp"
#include "kernels/primitives.hpp"
#include "kernels/validate.hpp"

/// The checks of the optimisers' steps and of projections. A part of validate.cpp.
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

/// What projections read and write beside the entries of A.
template <class T>
void note_beside_entries(const MaskStrictlyUpper<T>&, OperandChecks&) {}
template <class T>
void note_beside_entries(const ProjectRowsL1<T>& p, OperandChecks& checks) {
  checks.output("zeros", p.zeros);
  checks.input("schedule of the projection", p.schedule);
}
template <class T>
void note_beside_entries(const ProjectCsrRowsL1<T>& p, OperandChecks& checks) {
  checks.input("row_offsets",
               VectorView<const std::int64_t>{p.A.row_offsets, p.A.rows + 1, p.A.device});
  if (p.A.col_indices != nullptr)
    checks.input("col_indices",
                 VectorView<const std::int32_t>{p.A.col_indices, p.A.capacity, p.A.device});
  checks.output("zeros", p.zeros);
  checks.input("schedule of the projection", p.schedule);
}

template <class Project>
void check_projection(const Project& p, OperandChecks& checks) {
  note_beside_entries(p, checks);
  checks.fits_int32("A", p.A.cols, "columns");
  if (p.zeros.size > 0) checks.per_row("zeros", p.zeros, "A", p.A);
  if (!(p.radius >= 0)) checks.fail("radius is " + std::to_string(p.radius));
  if (!(p.threshold >= 0)) checks.fail("threshold is " + std::to_string(p.threshold));
  if (p.schedule.size > 0) checks.one_element("schedule of the projection", p.schedule);
  checks.apart();
}

template <class T>
void check(const ProjectRowsL1<T>& p, Device device) {
  OperandChecks checks("ProjectRowsL1", device);
  checks.output("A", p.A);
  check_projection(p, checks);
}

template <class T>
void check(const ProjectCsrRowsL1<T>& p, Device device) {
  OperandChecks checks("ProjectCsrRowsL1", device);
  checks.output("A.values", VectorView<T>{p.A.values, p.A.capacity, p.A.device});
  check_projection(p, checks);
}

/// A block without entries is nowhere.
template <class T>
void check_part(const MatrixView<T>& A, const MatrixView<T>& M, const OperandChecks& checks) {
  if (A.rows == 0 || A.cols == 0) return;
  if (A.data == M.data && A.ld == M.ld && A.rows <= M.rows && A.cols <= M.cols) return;
  checks.fail("A of the projection, " + OperandChecks::shape(A.rows, A.cols) +
              ", is not the leading block of M of the update, " +
              OperandChecks::shape(M.rows, M.cols));
}

template <class T>
void check_part(const CsrView<T>& A, const MatrixView<T>& M, const OperandChecks& checks) {
  if (A.capacity == 0) return;
  const auto bytes =
      reinterpret_cast<std::uintptr_t>(A.values) - reinterpret_cast<std::uintptr_t>(M.data);
  const auto first = static_cast<index_t>(bytes / sizeof(T));  // beyond M where A begins before it
  const bool inside =
      first >= 0 && M.ld > 0 && first / M.ld < M.cols && first % M.ld + A.capacity <= M.rows;
  if (inside && bytes % sizeof(T) == 0) return;
  checks.fail("A.values of the projection, " + std::to_string(A.capacity) +
              " elements, are not within a column of M of the update, " +
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
      check_part(project.A, update.M, checks);
      note_operands(update, checks);
      note_beside_entries(project, checks);
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
