// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/primitives.hpp"

/// The losses of idl/loss.hpp as steps of a sequence; their gradients are those of the mean.
namespace idl {

template <class T>
SoftmaxCrossEntropy<T> softmax_cross_entropy_step(ConstMatrixView<T> Y,
                                                  VectorView<const std::int32_t> labels,
                                                  MatrixView<T> dY, VectorView<T> losses,
                                                  VectorView<T> correct) {
  return {.Y = Y,
          .labels = labels,
          .dY = dY,
          .losses = losses,
          .correct = correct,
          .scale = T(1) / static_cast<T>(Y.cols)};
}

template <class T>
SquaredError<T> squared_error_step(ConstMatrixView<T> Y, ConstMatrixView<T> target,
                                   MatrixView<T> dY, VectorView<T> losses) {
  return {
      .Y = Y, .target = target, .dY = dY, .losses = losses, .scale = T(1) / static_cast<T>(Y.cols)};
}

}  // namespace idl
