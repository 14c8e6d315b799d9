// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "idl/context.hpp"
#include "kernels/primitives.hpp"

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
};

/// The largest n whose A fits into the registers of one block.
template <class T>
inline constexpr index_t k_most_fused_rows = sizeof(T) == 4 ? 208 : 144;

/// A whole loop in one kernel: A in the registers of a block, a tile of columns per block, which
/// iterates until its own columns have stopped. What the loop leaves in the product's matrix is
/// undefined. A column's answer does not depend on the others, nor on its place.
/// Source of the idea: Diamos et al., "Persistent RNNs", ICML 2016.
class FusedLoop {
 public:
  /// None where the sequence is no such loop or A is too large.
  static std::optional<FusedLoop> match(const Sequence& sequence,
                                        VectorView<const std::int32_t> active);

  /// Enqueues the loop: while a column is running, at most max_iterations times. `multiprocessors`
  /// of the device decide how many columns share a block.
  void launch(std::int32_t max_iterations, int multiprocessors, CUstream_st* stream) const;

 private:
  using Loop =
      std::variant<PicardLoop<float>, PicardLoop<double>, AdjointLoop<float>, AdjointLoop<double>>;
  explicit FusedLoop(Loop loop) : loop_(loop) {}

  Loop loop_;
};

template <class T>
void run_fused(const PicardLoop<T>& loop, std::int32_t max_iterations, int multiprocessors,
               CUstream_st* stream);
template <class T>
void run_fused(const AdjointLoop<T>& loop, std::int32_t max_iterations, int multiprocessors,
               CUstream_st* stream);

}  // namespace idl::cuda
