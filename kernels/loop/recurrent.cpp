// SPDX-License-Identifier: MIT
#include <memory>
#include <utility>

#include "kernels/backend.hpp"
#include "kernels/recurrence.hpp"

namespace idl {
namespace {

/// What comes before all steps, then for each of them what comes before its solve, the solve, and
/// what comes after it.
template <class Pass>
std::unique_ptr<Program> compile_in_order(Backend& backend, const Pass& pass) {
  Programs parts;
  Sequence straight = steps_at_first(pass);
  for (const index_t t : order_of(pass)) {
    append(straight, steps_before(pass, t));
    parts.push_back(backend.compile(std::exchange(straight, {})));
    parts.push_back(backend.compile(solve_of(pass, t)));
    straight = steps_after(pass, t);
  }
  parts.push_back(backend.compile(std::move(straight)));
  return std::make_unique<ProgramsInOrder>(std::move(parts));
}

}  // namespace

template <class T>
std::unique_ptr<Program> compile_steps(Backend& backend, const Recurrence<T>& pass) {
  return compile_in_order(backend, pass);
}
template <class T>
std::unique_ptr<Program> compile_steps(Backend& backend, const RecurrenceAdjoint<T>& pass) {
  return compile_in_order(backend, pass);
}

template std::unique_ptr<Program> compile_steps(Backend&, const Recurrence<float>&);
template std::unique_ptr<Program> compile_steps(Backend&, const Recurrence<double>&);
template std::unique_ptr<Program> compile_steps(Backend&, const RecurrenceAdjoint<float>&);
template std::unique_ptr<Program> compile_steps(Backend&, const RecurrenceAdjoint<double>&);

}  // namespace idl
