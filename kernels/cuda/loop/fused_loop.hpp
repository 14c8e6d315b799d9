// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "idl/context.hpp"
#include "kernels/backend.hpp"

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
  /// None where the sequence is no such loop or A is too large for the current device, of which
  /// the number of multiprocessors decides how many columns share a block.
  static std::optional<FusedLoop> match(const Sequence& sequence,
                                        VectorView<const std::int32_t> active, int multiprocessors);

  /// The same for Backend::compile_from_zero(), of which max_iterations is one.
  static std::optional<FusedLoop> match_from_zero(const Sequence& sequence,
                                                  VectorView<const std::int32_t> active,
                                                  int multiprocessors, std::int32_t max_iterations);

  /// Whether it is likely to be faster than a loop of products over all columns, or the bits must
  /// not depend on how many columns there are.
  bool worthwhile() const;

  /// match(), if `strategy` is `fused`, or `automatic` and it is worthwhile. A kernel runs all
  /// columns to their ends, so not where the loop ends at `until` > 0 running ones.
  /// @throws NotSupported where it is `fused` and this loop cannot run so
  static std::optional<FusedLoop> choose(LoopStrategy strategy, const Sequence& sequence,
                                         VectorView<const std::int32_t> active, int multiprocessors,
                                         std::int32_t until);

  /// The same of match_from_zero(), for which there is always another way.
  static std::optional<FusedLoop> choose_from_zero(LoopStrategy strategy, const Sequence& sequence,
                                                   VectorView<const std::int32_t> active,
                                                   int multiprocessors,
                                                   std::int32_t max_iterations);

  /// Enqueues the loop: while a column is running, at most max_iterations times.
  void launch(std::int32_t max_iterations, CUstream_st* stream) const;

 private:
  using Loop =
      std::variant<PicardLoop<float>, PicardLoop<double>, AdjointLoop<float>, AdjointLoop<double>>;
  FusedLoop(Loop loop, int multiprocessors, index_t rounds)
      : loop_(loop), multiprocessors_(multiprocessors), rounds_(rounds) {}

  Loop loop_;
  int multiprocessors_;
  index_t rounds_;
  bool from_zero_ = false;
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
