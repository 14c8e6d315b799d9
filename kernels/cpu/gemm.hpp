// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "kernels/cpu/scratch.hpp"
#include "kernels/primitives.hpp"

namespace idl::cpu {

/// Gemm with its own loops, for 64-bit sizes and any transposition. Each entry of C is summed over
/// k in ascending order in runs of a fixed length, one multiplication and one addition at a time:
/// its bits do not depend on the other columns, on the number of threads or on the width of the
/// machine's vectors.
template <class T>
void fixed_order_gemm(const Gemm<T>& gemm, Scratch& scratch);

/// Whether Gemm is left to fixed_order_gemm: where a fixed order is asked for, and where it is
/// faster than the BLAS at hand or spares its threads and this library's a fight for the cores.
template <class T>
bool takes_fixed_order(const Gemm<T>& gemm);

/// fixed_order_gemm, bit for bit, of one op(A) with many B: packs op(A) once.
template <class T>
class PackedGemm {
 public:
  /// Whether op(A) is small enough, and has no size of zero.
  static bool fits(const Gemm<T>& gemm);
  /// Takes op(A) of `gemm`. @throws OutOfMemory
  void pack(const Gemm<T>& gemm);
  /// Whether a product of rows from `row` on can be asked for.
  static bool begins_at(index_t row);
  /// Rows [row, row + rows) of these columns of the product; its op(A) is the one that was packed.
  void multiply(const Gemm<T>& gemm, index_t row, index_t rows,
                std::span<const index_t> columns) const;

 private:
  Scratch scratch_;
  T* packed_ = nullptr;
};

extern template class PackedGemm<float>;
extern template class PackedGemm<double>;

}  // namespace idl::cpu
