// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "kernels/backend.hpp"
#include "kernels/fixed_point.hpp"

namespace idl::cuda {

/// A whole loop in one kernel: A in the registers of a block, a tile of columns per block, which
/// iterates until its own columns have stopped. A block holds n <= 208 in float, 144 in double. For
/// larger n the blocks of a cluster share A where the device has clusters (sm_90):
///     blocks   2    4    8    16
///     float    288  416  576  896
///     double   192  288  384  576
/// What the loop leaves in the product's matrix is undefined. A column's answer does not depend on
/// the others, nor on its place.
/// Source of the idea: Diamos et al., "Persistent RNNs", ICML 2016.
class FusedLoop {
 public:
  static constexpr LoopStrategy k_strategy = LoopStrategy::fused;

  /// None where A is too large for the current device, of which the number of multiprocessors
  /// decides how many columns share a block, where the solve is accelerated or swept in blocks of
  /// rows, and where an own activation has come without such a kernel.
  template <class T>
  static std::optional<FusedLoop> fit(const FixedPoint<T>& solve, int multiprocessors);

  /// Whether it is likely to be faster than a loop of products over all columns, or the bits must
  /// not depend on how many columns there are.
  bool worthwhile() const;

  /// fit(), if `strategy` is `fused`, or `automatic` and it is worthwhile.
  /// @throws NotSupported where it is `fused` and this solve cannot run so
  template <class T>
  static std::optional<FusedLoop> choose(LoopStrategy strategy, const FixedPoint<T>& solve,
                                         int multiprocessors);

  /// Whether it does what steps_of(solve).start says, too; otherwise that comes before it.
  bool starts_by_itself() const;

  /// Enqueues the loop: while a column is running, at most as often as its decision allows.
  void launch(CUstream_st* stream) const;

 private:
  using Solve = std::variant<FixedPoint<float>, FixedPoint<double>>;
  FusedLoop(Solve solve, int multiprocessors, index_t rounds)
      : solve_(std::move(solve)), multiprocessors_(multiprocessors), rounds_(rounds) {}

  Solve solve_;
  int multiprocessors_;
  index_t rounds_;
};

/// Whether a kernel for a whole solve does what steps_of(solve).start says, too. An own φ' that
/// makes Ψ is a kernel before it.
template <class T>
bool starts_in_kernel(const FixedPoint<T>& solve) {
  return solve.start == SolveStart::zero && !makes_psi_by_custom_activation(solve);
}

template <class T>
void run_fused(const FixedPoint<T>& solve, const PicardMap<T>& map, int multiprocessors,
               CUstream_st* stream);
template <class T>
void run_fused(const FixedPoint<T>& solve, const AdjointMap<T>& map, int multiprocessors,
               CUstream_st* stream);

/// How often the device's clusters have to take up columns until all had their turn; 1 for blocks
/// without a cluster; 0 where the device cannot run the kernel, or none holds A.
template <class T>
index_t fused_rounds(const MatrixView<T>& X, const PicardMap<T>& map, int multiprocessors);
template <class T>
index_t fused_rounds(const MatrixView<T>& V, const AdjointMap<T>& map, int multiprocessors);

/// How many clusters of the kernel for Picard loops in float with this many rows the current device
/// can run at the same time; 0 also where a block needs no cluster.
int fused_clusters(index_t rows, int multiprocessors);

}  // namespace idl::cuda
