// SPDX-License-Identifier: MIT
#pragma once

#include "idl/model.hpp"
#include "idl/well_posedness.hpp"
#include "kernels/primitives.hpp"

namespace idl {

/// What project() does to A, as steps. @throws InvalidArgument as project()
template <class T>
Sequence projection_steps(const WellPosedness& constraint, MatrixView<T> A);

/// What ImplicitModel::project() does to a model, as steps.
template <class T>
Sequence projection_steps(ImplicitModel<T>& model) {
  Sequence steps = projection_steps(model.options().well_posedness, model.A());
  if (model.options().no_D) steps.push_back(Fill<T>{.Y = model.D()});
  return steps;
}

}  // namespace idl
