// SPDX-License-Identifier: MIT
#include "kernels/loop/generic.hpp"

#include <utility>

namespace idl {

std::unique_ptr<Program> start_with(Backend& backend, Sequence start,
                                    std::unique_ptr<Program> loop) {
  if (start.empty()) return loop;
  return std::make_unique<ProgramsInOrder>(
      Programs{backend.compile(std::move(start)), std::move(loop)});
}

template <class T>
std::unique_ptr<Program> compile_generic(Backend& backend, const FixedPoint<T>& solve) {
  SolveSteps steps = steps_of(solve);
  auto loop = backend.compile_while(std::move(steps.iteration), solve.columns.active,
                                    loop_iterations(solve));
  return start_with(backend, std::move(steps.start), std::move(loop));
}

template std::unique_ptr<Program> compile_generic(Backend&, const FixedPoint<float>&);
template std::unique_ptr<Program> compile_generic(Backend&, const FixedPoint<double>&);

}  // namespace idl
