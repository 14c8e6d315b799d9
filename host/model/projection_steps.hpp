// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <variant>

#include "idl/model.hpp"
#include "idl/well_posedness.hpp"
#include "kernels/primitives.hpp"

namespace idl {

/// What project() does to A. @throws InvalidArgument as project()
template <class T>
Projection<T> projection_of(const WellPosedness& constraint, MatrixView<T> A);

/// One step, or none.
template <class T>
Sequence steps_of(const Projection<T>& projection) {
  const auto step = []<class P>(const P& part) -> Sequence {
    if constexpr (std::is_same_v<P, std::monostate>)
      return {};
    else
      return {part};
  };
  return std::visit(step, projection);
}

}  // namespace idl
