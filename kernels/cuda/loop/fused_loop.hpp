// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "kernels/backend.hpp"
#include "kernels/fixed_point.hpp"

namespace idl::cuda {

/// One iteration of a loop over independent columns: a product with a square A, an update of the
/// state, a decision per column.
template <class T>
struct PicardLoop {
  Gemm<T> product;
  PicardUpdate<T> update;
  UpdateStatus<T> decision;
};
template <class T>
struct AdjointLoop {
  Gemm<T> product;  ///< with transpose_A
  AdjointUpdate<T> update;
  UpdateStatus<T> decision;
  std::optional<ActivationDerivative<T>> derivative{};  ///< computed where Psi is read
};

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
  /// None where A is too large for the current device, of which the number of multiprocessors
  /// decides how many columns share a block, and where the solve is accelerated or swept in blocks
  /// of rows.
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
  bool starts_by_itself() const { return from_zero_; }

  /// Enqueues the loop: while a column is running, at most as often as its decision allows.
  void launch(CUstream_st* stream) const;

 private:
  using Loop =
      std::variant<PicardLoop<float>, PicardLoop<double>, AdjointLoop<float>, AdjointLoop<double>>;
  FusedLoop(Loop loop, int multiprocessors, index_t rounds, bool from_zero)
      : loop_(loop), multiprocessors_(multiprocessors), rounds_(rounds), from_zero_(from_zero) {}

  Loop loop_;
  int multiprocessors_;
  index_t rounds_;
  bool from_zero_;
};

/// How a loop is launched.
struct FusedRun {
  std::int32_t max_iterations;
  int multiprocessors;
  bool from_zero;  ///< states and columns are taken as ResetStatus and Fill leave them
};

template <class T>
void run_fused(const PicardLoop<T>& loop, const FusedRun& run, CUstream_st* stream);
template <class T>
void run_fused(const AdjointLoop<T>& loop, const FusedRun& run, CUstream_st* stream);

/// How often the device's clusters have to take up columns until all had their turn; 1 for blocks
/// without a cluster; 0 where the device cannot run the kernel, or none holds A.
template <class T>
index_t fused_rounds(const PicardLoop<T>& loop, int multiprocessors);
template <class T>
index_t fused_rounds(const AdjointLoop<T>& loop, int multiprocessors);

/// How many clusters of the kernel for PicardLoop<float> with this many rows the current device can
/// run at the same time; 0 also where a block needs no cluster.
int fused_clusters(index_t rows, int multiprocessors);

}  // namespace idl::cuda
