// SPDX-License-Identifier: MIT
#include <type_traits>
#include <variant>

#include "kernels/cpu/runtime/execute.hpp"

namespace idl::cpu {

template <class T>
void execute(const UpdateParameters<T>& step, Scratch& scratch) {
  const auto run = [&scratch]<class P>(const P& part) {
    if constexpr (!std::is_same_v<P, std::monostate>) execute(part, scratch);
  };
  std::visit(run, step.update);
  std::visit(run, step.projection);
}

template void execute(const UpdateParameters<float>&, Scratch&);
template void execute(const UpdateParameters<double>&, Scratch&);

}  // namespace idl::cpu
