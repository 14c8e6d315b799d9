// SPDX-License-Identifier: MIT
#include "kernels/loop/recurrent.hpp"

#include <utility>
#include <vector>

#include "kernels/program.hpp"

namespace idl {
namespace {

/// `straight`, then for each of the steps what comes before its solve, the solve, and what comes
/// after it.
template <class T, class Pass>
std::unique_ptr<Program> compile_in_order(Backend& backend, const Pass& pass, Sequence straight,
                                          const std::vector<index_t>& steps,
                                          const CompileSolve<T>& compile_solve) {
  Programs parts;
  for (const index_t t : steps) {
    append(straight, steps_before(pass, t));
    parts.push_back(backend.compile(std::exchange(straight, {})));
    parts.push_back(compile_solve(solve_of(pass, t)));
    straight = steps_after(pass, t);
  }
  parts.push_back(backend.compile(std::move(straight)));
  return std::make_unique<ProgramsInOrder>(std::move(parts));
}

template <class T>
CompileSolve<T> by(Backend& backend) {
  return [&backend](const FixedPoint<T>& solve) { return backend.compile(solve); };
}

}  // namespace

template <class T>
std::unique_ptr<Program> compile_steps(Backend& backend, const Recurrence<T>& pass,
                                       const CompileSolve<T>& compile_solve) {
  std::vector<index_t> steps;
  for (index_t t = 0; t < pass.X.cols / pass.lengths.size; ++t) steps.push_back(t);
  return compile_in_order(backend, pass, steps_at_first(pass), steps, compile_solve);
}

template <class T>
std::unique_ptr<Program> compile_steps(Backend& backend, const RecurrenceAdjoint<T>& pass,
                                       const CompileSolve<T>& compile_solve) {
  std::vector<index_t> steps;
  for (index_t t = pass.V.cols / pass.lengths.size; t-- > 0;) steps.push_back(t);
  return compile_in_order(backend, pass, Sequence{}, steps, compile_solve);
}

template <class T>
std::unique_ptr<Program> compile_steps(Backend& backend, const Recurrence<T>& pass) {
  return compile_steps<T>(backend, pass, by<T>(backend));
}

template <class T>
std::unique_ptr<Program> compile_steps(Backend& backend, const RecurrenceAdjoint<T>& pass) {
  return compile_steps<T>(backend, pass, by<T>(backend));
}

template std::unique_ptr<Program> compile_steps(Backend&, const Recurrence<float>&,
                                                const CompileSolve<float>&);
template std::unique_ptr<Program> compile_steps(Backend&, const Recurrence<double>&,
                                                const CompileSolve<double>&);
template std::unique_ptr<Program> compile_steps(Backend&, const RecurrenceAdjoint<float>&,
                                                const CompileSolve<float>&);
template std::unique_ptr<Program> compile_steps(Backend&, const RecurrenceAdjoint<double>&,
                                                const CompileSolve<double>&);
template std::unique_ptr<Program> compile_steps(Backend&, const Recurrence<float>&);
template std::unique_ptr<Program> compile_steps(Backend&, const Recurrence<double>&);
template std::unique_ptr<Program> compile_steps(Backend&, const RecurrenceAdjoint<float>&);
template std::unique_ptr<Program> compile_steps(Backend&, const RecurrenceAdjoint<double>&);

}  // namespace idl
