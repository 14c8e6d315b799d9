// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "kernels/backend.hpp"
#include "kernels/cuda/loop/sparse_slots.hpp"
#include "kernels/fixed_point.hpp"
#include "kernels/loop/loop_memory.hpp"

namespace idl::cuda {

/// Which kernel: its columns of X, and the blocks that share the entries of P.
struct SparseForm {
  int blocks = 1;   ///< of a cluster
  int columns = 1;  ///< 1, 2, and in float 4
};

/// P, where the kernel finds it, and what lies where in its shared memory.
template <class T>
struct SparseFactor {
  const T* values;
  // As SparseSlots has them.
  const std::int32_t* rows;
  const std::int32_t* level_begins;
  const std::int32_t* entries;
  const std::uint32_t* places;
  int blocks;
  int run;
  int slots;
  int own;
  int positions;
  int levels;
  // Bytes.
  int sums_at;
  int held_at;
  int norms_at;
  int levels_at;
  int values_at;
  int places_at;
  int shared_bytes;
};

/// A form, what the kernel needs to know of it, and the pattern; no arrays on the device yet.
template <class T>
struct SparsePlan {
  SparseForm form;
  SparseFactor<T> P;
  double seconds;  ///< expected of an iteration over all columns, with batch_invariant over one
  HostPattern pattern;
};

/// A whole loop over a sparse P = A or Aᵀ in one kernel: the entries of P in the registers of a
/// block, those that find no room there in its shared memory, a tile of columns per block, which
/// iterates until its own columns have stopped. A block holds up to 22000 entries in float and
/// 12000 in double in registers and some 20000 or 10000 more in shared memory, as far as the rows
/// and their lengths allow; the blocks of a cluster (sm_90) share P where one is too small.
///
/// The pattern of P is read when a program is made, and must stay as it is while the program lives;
/// the values are read by every launch. What the loop leaves in the product's matrix is undefined.
/// A column's answer does not depend on the others, nor on its place; which kernel is taken depends
/// on their number, unless the solve is batch_invariant.
class FusedSparseLoop {
 public:
  static constexpr LoopStrategy k_strategy = LoopStrategy::fused;

  /// The loop as it would run, if `strategy` is `fused` or `automatic`. None where the solve is
  /// accelerated or swept in blocks of rows, or P is too large.
  /// @throws NotSupported where the strategy is `fused` and this solve cannot run so,
  /// InvalidArgument for a pattern that is none, OutOfMemory
  template <class T>
  static std::optional<SparsePlan<T>> plan(LoopStrategy strategy,
                                           const std::shared_ptr<Backend>& backend,
                                           const FixedPoint<T>& solve, int multiprocessors);
  /// @throws OutOfMemory
  template <class T>
  static FusedSparseLoop make(const std::shared_ptr<Backend>& backend, const FixedPoint<T>& solve,
                              SparsePlan<T> plan);

  /// Whether it does what steps_of(solve).start says, too; otherwise that comes before it.
  bool starts_by_itself() const;

  /// Enqueues the loop: while a column is running, at most as often as its decision allows.
  void launch(CUstream_st* stream) const;

 private:
  template <class T>
  struct Solve {
    FixedPoint<T> solve;
    SparseForm form;
    SparseFactor<T> P;
  };
  FusedSparseLoop(std::variant<Solve<float>, Solve<double>> solve,
                  std::shared_ptr<const LoopMemory> memory)
      : solve_(std::move(solve)), memory_(std::move(memory)) {}

  std::variant<Solve<float>, Solve<double>> solve_;
  std::shared_ptr<const LoopMemory> memory_;  // of P's arrays
};

/// Slots in registers, of which there are 128 for a thread: as many as leave the rest of the kernel
/// enough (scripts/ptxas_report).
template <class T>
constexpr int most_register_slots(int columns) {
  return (sizeof(T) == 4 ? 48 : 28) - 4 * columns;
}
/// Where so few slots are enough, two blocks share a multiprocessor, with 64 registers for a
/// thread.
template <class T>
constexpr int few_register_slots(int columns) {
  if (sizeof(T) == 8) return 0;
  return 20 - 4 * columns;
}

template <class T>
void run_fused_sparse(const FixedPoint<T>& solve, const PicardMap<T>& map, const SparseForm& form,
                      const SparseFactor<T>& P, CUstream_st* stream);
template <class T>
void run_fused_sparse(const FixedPoint<T>& solve, const AdjointMap<T>& map, const SparseForm& form,
                      const SparseFactor<T>& P, CUstream_st* stream);

/// How many clusters of the kernel the current device can run at the same time; 0 where it cannot
/// run it.
template <class T>
int sparse_clusters(const PicardMap<T>& map, const SparseForm& form, const SparseFactor<T>& P);
template <class T>
int sparse_clusters(const AdjointMap<T>& map, const SparseForm& form, const SparseFactor<T>& P);

}  // namespace idl::cuda
