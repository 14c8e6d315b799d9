// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "idl/context.hpp"
#include "idl/matrix.hpp"
#include "idl/solver.hpp"
#include "kernels/backend.hpp"
#include "kernels/primitives.hpp"

namespace idl::solver {

/// What a finished loop has left, on the host and in double.
struct IterationRecord {
  std::vector<SolveStatus> status;
  std::vector<std::int32_t> iterations;
  std::vector<std::int32_t> fallbacks;       ///< of the acceleration; 0 without one
  std::vector<std::int32_t> low_iterations;  ///< of the refinement; 0 without one
  std::vector<double> step_norms;
  std::vector<double> state_norms;
  std::vector<double> forcing_norms;  ///< of U (state) or G (adjoint), per column
  double A_norm = 0;                  ///< ‖A‖∞
  double B_norm = 0;                  ///< ‖B‖∞, state only
  double factor_norm = 0;  ///< where A = LRᵀ, ‖L‖∞ (state) or ‖R‖∞ (adjoint)
};

/// Per-column state of one loop on the device: what UpdateStatus decides by, and the norms from
/// which the certificate is made. All of it lies in one block, so that one copy fetches it.
template <class T>
class IterationState {
 public:
  IterationState(Context& context, index_t columns);

  ColumnStatus<T> columns() const;
  VectorView<const std::uint8_t> status() const { return columns().status; }
  VectorView<const std::int32_t> active() const { return columns().active; }
  VectorView<T> step_norms() const { return typed<T>(step_offset_, columns_); }
  VectorView<T> state_norms() const { return typed<T>(state_offset_, columns_); }
  VectorView<T> forcing_norms() const { return typed<T>(forcing_offset_, columns_); }
  VectorView<T> A_norm() const { return typed<T>(norms_offset_, 1); }
  VectorView<T> B_norm() const { return typed<T>(norms_offset_, 2).range(1, 1); }
  VectorView<T> factor_norm() const { return typed<T>(norms_offset_, 4).range(3, 1); }
  /// κ = L_φ‖A‖∞ for the certified stopping rule.
  VectorView<T> contraction() const { return typed<T>(norms_offset_, 3).range(2, 1); }

  /// Starts the copy of everything that a record needs.
  std::unique_ptr<ReadBack> fetch() const;
  /// Waits for a copy started by fetch().
  IterationRecord record(ReadBack& fetched) const;
  /// Waits for all work and looks what it has left; again and again without allocation.
  const IterationRecord& latest_record();

 private:
  /// `fetched` are the first fetched_bytes_ of the block.
  void fill(IterationRecord& record, const std::byte* fetched) const;
  template <class E>
  VectorView<E> typed(std::size_t offset, index_t size) const {
    return {reinterpret_cast<E*>(static_cast<std::byte*>(memory_.data()) + offset), size, device_};
  }
  /// Reserves room for `size` elements at the end of the block and returns its offset.
  template <class E>
  std::size_t reserve(index_t size);

  Device device_;
  index_t columns_;
  std::size_t bytes_ = 0;
  // What a record needs comes first, so that it is one contiguous copy of fetched_bytes_.
  std::size_t step_offset_;
  std::size_t state_offset_;
  std::size_t forcing_offset_;
  std::size_t norms_offset_;
  std::size_t iterations_offset_;
  std::size_t fallbacks_offset_;
  std::size_t low_iterations_offset_;
  std::size_t status_offset_;
  std::size_t fetched_bytes_;
  std::size_t best_offset_;
  std::size_t stalled_offset_;
  std::size_t active_offset_;
  DeviceMemory memory_;
  std::vector<std::byte> latest_bytes_;
  IterationRecord latest_;
};

extern template class IterationState<float>;
extern template class IterationState<double>;

}  // namespace idl::solver
