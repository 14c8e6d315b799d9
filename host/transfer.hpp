// SPDX-License-Identifier: MIT
#pragma once

#include "idl/matrix.hpp"
#include "kernels/backend.hpp"

namespace idl {

/// From one matrix to another of the same shape, each wherever it lies.
template <class T>
Transfer transfer_of(const ConstMatrixView<T>& from, const MatrixView<T>& to) {
  return {.destination = to.data,
          .destination_pitch = static_cast<std::size_t>(to.ld) * sizeof(T),
          .source = from.data,
          .source_pitch = static_cast<std::size_t>(from.ld) * sizeof(T),
          .width = static_cast<std::size_t>(from.rows) * sizeof(T),
          .height = static_cast<std::size_t>(from.cols)};
}

/// The same from values on the host that are contiguous, column by column.
template <class T>
Transfer transfer_of(const T* values, const MatrixView<T>& to) {
  return transfer_of<T>(ConstMatrixView<T>{values, to.rows, to.cols, to.rows, Device::cpu()}, to);
}

}  // namespace idl
