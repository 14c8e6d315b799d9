// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "kernels/cpu/product/panel_product.hpp"
#include "kernels/cpu/runtime/scratch.hpp"
#include "kernels/primitives.hpp"

namespace idl::cpu {

/// op(A)·B as execute(Gemm) makes it, bit for bit, for one op(A) and the columns of many B:
/// packs op(A) once, or, for few columns, takes A as it lies.
template <class T>
class PackedGemm {
 public:
  /// Whether it is such a product, and op(A) small enough and without a size of zero.
  static bool fits(const Gemm<T>& gemm);
  /// Whether a product of rows from `row` on can be asked for.
  static bool begins_at(index_t row);

  /// Makes room for op(A) of `gemm`, which is then to be packed panel by panel, by whichever
  /// thread. There are no panels to pack where all products together are with the `columns` columns
  /// of a B, again and again, and those are few. @throws OutOfMemory
  void prepare(const Gemm<T>& gemm, index_t columns);
  index_t panels() const;
  void pack(index_t panel);

  /// Rows [row, row + rows) of these columns, in the calling thread. The sums lie in whole columns
  /// with room for a multiple of k_panel_rows/2.
  void multiply(index_t row, index_t rows, std::span<PanelColumns<T>> groups) const;

 private:
  Scratch scratch_;
  Gemm<T> source_{};
  T* packed_ = nullptr;  ///< nullptr: A is taken as it lies
};

extern template class PackedGemm<float>;
extern template class PackedGemm<double>;

}  // namespace idl::cpu
