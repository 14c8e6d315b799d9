// SPDX-License-Identifier: MIT
#include "kernels/cpu/steps/activation_loops.hpp"

namespace idl::cpu {

template <class T>
const ActivationLoops<T>& rarer_loops(ActivationKind kind) {
  return visit_row(RarerActivations<T>{}, kind, T(0),
                   []<class Row>(const Row&) -> const ActivationLoops<T>& {
                     static constexpr ActivationLoops<T> k_loops = detail::loops_of_row<Row, T>();
                     return k_loops;
                   });
}

template const ActivationLoops<float>& rarer_loops(ActivationKind);
template const ActivationLoops<double>& rarer_loops(ActivationKind);

}  // namespace idl::cpu
