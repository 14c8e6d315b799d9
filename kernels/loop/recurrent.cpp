// SPDX-License-Identifier: MIT
#include <utility>

#include "kernels/backend.hpp"
#include "kernels/program.hpp"
#include "kernels/recurrence.hpp"

namespace idl {
namespace {

/// `straight`, then for each of the steps what comes before its solve, the solve, and what comes
/// after it.
template <class Pass, class Steps>
std::unique_ptr<Program> compile_in_order(Backend& backend, const Pass& pass, Sequence straight,
                                          const Steps& steps) {
  Programs parts;
  for (const index_t t : steps) {
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
  std::vector<index_t> steps;
  for (index_t t = 0; t < pass.X.cols / pass.lengths.size; ++t) steps.push_back(t);
  return compile_in_order(backend, pass, steps_at_first(pass), steps);
}

template <class T>
std::unique_ptr<Program> compile_steps(Backend& backend, const RecurrenceAdjoint<T>& pass) {
  std::vector<index_t> steps;
  for (index_t t = pass.V.cols / pass.lengths.size; t-- > 0;) steps.push_back(t);
  return compile_in_order(backend, pass, Sequence{}, steps);
}

template std::unique_ptr<Program> compile_steps(Backend&, const Recurrence<float>&);
template std::unique_ptr<Program> compile_steps(Backend&, const Recurrence<double>&);
template std::unique_ptr<Program> compile_steps(Backend&, const RecurrenceAdjoint<float>&);
template std::unique_ptr<Program> compile_steps(Backend&, const RecurrenceAdjoint<double>&);

}  // namespace idl
