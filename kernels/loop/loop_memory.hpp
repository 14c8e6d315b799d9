// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "idl/matrix.hpp"
#include "kernels/backend.hpp"

namespace idl {

/// Working memory of a program: what it hands out lives as long as it does.
class LoopMemory {
 public:
  explicit LoopMemory(std::shared_ptr<Backend> backend) : backend_(std::move(backend)) {}

  /// Uninitialised. @throws OutOfMemory
  template <class T>
  MatrixView<T> matrix(index_t rows, index_t cols) {
    const index_t ld = backend_->leading_dimension(rows, sizeof(T));
    return {take<T>(ld * cols), rows, cols, ld, backend_->device()};
  }
  /// Uninitialised. @throws OutOfMemory
  template <class T>
  VectorView<T> vector(index_t size) {
    return {take<T>(size), size, backend_->device()};
  }
  /// Of so many columns; they are counted in an `active` of their own, and have no fallbacks and no
  /// low_iterations. @throws OutOfMemory
  template <class T>
  ColumnStatus<T> columns(index_t count) {
    return {.status = vector<std::uint8_t>(count),
            .iterations = vector<std::int32_t>(count),
            .best_steps = vector<T>(count),
            .stalled = vector<std::int32_t>(count),
            .active = vector<std::int32_t>(1)};
  }

 private:
  struct Release {
    std::shared_ptr<Backend> backend;
    std::size_t bytes;
    void operator()(void* data) const noexcept { backend->release(data, bytes); }
  };

  template <class T>
  T* take(index_t count) {
    const std::size_t bytes = std::max<std::size_t>(static_cast<std::size_t>(count) * sizeof(T), 1);
    std::unique_ptr<void, Release> piece(backend_->allocate(bytes), {backend_, bytes});
    pieces_.push_back(std::move(piece));
    return static_cast<T*>(pieces_.back().get());
  }

  std::shared_ptr<Backend> backend_;
  std::vector<std::unique_ptr<void, Release>> pieces_;
};

}  // namespace idl
