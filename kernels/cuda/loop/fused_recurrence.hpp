// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>

#include "kernels/backend.hpp"
#include "kernels/recurrence.hpp"

namespace idl::cuda {

/// All steps of a recurrent pass in one kernel, forward or adjoint, of a cell whose A, B, C and D
/// are dense and fit into the registers of a block; a tile of sequences per block, which waits for
/// no other. Sizes up to which a block holds a cell, u being what the cell is given, h included:
///     float    states   24   64  128  104       double   states   24   64
///              h        24   64   64  104                h        24   64
///              u        24   64   64  112                u        24   64
/// In the adjoint g_t is in the place of u. A sequence's answer does not depend on the others, nor
/// on its place. What the pass leaves in `product`, `output`, Psi and G is undefined.
/// Source of the idea: Diamos et al., "Persistent RNNs", ICML 2016.
class FusedRecurrence {
 public:
  static constexpr LoopStrategy k_strategy = LoopStrategy::fused_recurrence;

  /// Whether a pass can run so: not where its cell is too large or not dense, nor where its solves
  /// are accelerated, swept in blocks of rows, or of no iteration.
  template <class T>
  static bool fits(const Recurrence<T>& pass);
  template <class T>
  static bool fits(const RecurrenceAdjoint<T>& pass);

  /// Of a pass that fits.
  template <class T>
  static FusedRecurrence make(const std::shared_ptr<Backend>& backend, const Recurrence<T>& pass,
                              int multiprocessors);
  /// @throws OutOfMemory (of n×(k·m) numbers)
  template <class T>
  static FusedRecurrence make(const std::shared_ptr<Backend>& backend,
                              const RecurrenceAdjoint<T>& pass, int multiprocessors);

  /// What comes before the kernel.
  const Sequence& start() const { return start_; }

  /// Enqueues the kernel.
  void launch(CUstream_st* stream) const { enqueue_(stream); }

 private:
  FusedRecurrence(Sequence start, std::function<void(CUstream_st*)> enqueue)
      : start_(std::move(start)), enqueue_(std::move(enqueue)) {}

  Sequence start_;
  std::function<void(CUstream_st*)> enqueue_;
};

/// Whether a block holds a cell of so many states, entries of h and entries of u.
template <class T>
bool holds_cell(index_t states, index_t hidden, index_t inputs);

template <class T>
void run_fused(const Recurrence<T>& pass, int multiprocessors, CUstream_st* stream);
/// `products` is AX of all steps.
template <class T>
void run_fused(const RecurrenceAdjoint<T>& pass, ConstMatrixView<T> products, int multiprocessors,
               CUstream_st* stream);

}  // namespace idl::cuda
