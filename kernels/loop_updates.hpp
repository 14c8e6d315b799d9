// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include "kernels/loop_primitives.hpp"

/// What the two updates of a loop, PicardUpdate and AdjointUpdate, call by different names.
namespace idl {

/// X or V, which the product behind is made with.
template <class T>
MatrixView<T>& state_of(PicardUpdate<T>& update) {
  return update.X;
}
template <class T>
MatrixView<T>& state_of(AdjointUpdate<T>& update) {
  return update.V;
}

/// S or W, the product in front.
template <class T>
ConstMatrixView<T>& product_of(PicardUpdate<T>& update) {
  return update.S;
}
template <class T>
ConstMatrixView<T>& product_of(AdjointUpdate<T>& update) {
  return update.W;
}

/// What stays the same for the whole loop.
template <class T>
std::array<ConstMatrixView<T>*, 1> given_to(PicardUpdate<T>& update) {
  return {&update.Z};
}
template <class T>
std::array<ConstMatrixView<T>*, 2> given_to(AdjointUpdate<T>& update) {
  return {&update.G, &update.Psi};
}

}  // namespace idl
