// SPDX-License-Identifier: MIT
#include <memory>
#include <utility>

#include "kernels/backend.hpp"
#include "kernels/loop/recurrent_steps.hpp"

namespace idl {
namespace {

template <class T, class Pass>
std::unique_ptr<Program> compile_in_order(Backend& backend, const Pass& pass) {
  RecurrentSteps<T> all = recurrent_steps<T>(pass, steps_at_first(pass));
  Programs parts;
  for (auto& step : all.steps) {
    parts.push_back(backend.compile(std::move(step.before)));
    parts.push_back(backend.compile(step.solve));
  }
  parts.push_back(backend.compile(std::move(all.after)));
  return std::make_unique<ProgramsInOrder>(std::move(parts));
}

}  // namespace

template <class T>
std::unique_ptr<Program> compile_steps(Backend& backend, const Recurrence<T>& pass) {
  return compile_in_order<T>(backend, pass);
}
template <class T>
std::unique_ptr<Program> compile_steps(Backend& backend, const RecurrenceAdjoint<T>& pass) {
  return compile_in_order<T>(backend, pass);
}

template std::unique_ptr<Program> compile_steps(Backend&, const Recurrence<float>&);
template std::unique_ptr<Program> compile_steps(Backend&, const Recurrence<double>&);
template std::unique_ptr<Program> compile_steps(Backend&, const RecurrenceAdjoint<float>&);
template std::unique_ptr<Program> compile_steps(Backend&, const RecurrenceAdjoint<double>&);

}  // namespace idl
