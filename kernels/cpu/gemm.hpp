// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "kernels/cpu/panel_product.hpp"
#include "kernels/cpu/scratch.hpp"
#include "kernels/primitives.hpp"

namespace idl::cpu {

/// Gemm with its own loops, for 64-bit sizes and any transposition. Each entry of C is summed over
/// k in ascending order in runs of a fixed length (kernels/cpu/panel_product.hpp): its bits do not
/// depend on the other columns, on the number of threads or, among machines with fused
/// multiply-add, on the width of the vectors.
template <class T>
void fixed_order_gemm(const Gemm<T>& gemm, Scratch& scratch);

/// Whether Gemm is left to fixed_order_gemm: where a fixed order is asked for, and where it is
/// faster than the BLAS at hand or spares its threads and this library's a fight for the cores.
template <class T>
bool takes_fixed_order(const Gemm<T>& gemm);

/// op(A)·B as fixed_order_gemm makes it, bit for bit, for one op(A) and the columns of many B:
/// packs op(A) once.
template <class T>
class PackedGemm {
 public:
  /// Whether it is such a product, and op(A) small enough and without a size of zero.
  static bool fits(const Gemm<T>& gemm);
  /// Whether a product of rows from `row` on can be asked for.
  static bool begins_at(index_t row);

  /// Makes room for op(A) of `gemm`, which is then to be packed panel by panel, by whichever
  /// thread. @throws OutOfMemory
  void prepare(const Gemm<T>& gemm);
  index_t panels() const;
  void pack(index_t panel);

  /// Rows [row, row + rows) of these columns, in the calling thread. The sums lie in whole columns
  /// with room for a multiple of k_panel_rows/2.
  void multiply(index_t row, index_t rows, std::span<PanelColumns<T>> groups) const;

 private:
  Scratch scratch_;
  Gemm<T> source_{};
  T* packed_ = nullptr;
};

extern template class PackedGemm<float>;
extern template class PackedGemm<double>;

}  // namespace idl::cpu
