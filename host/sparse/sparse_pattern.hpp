// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>

#include "idl/context.hpp"
#include "idl/csr_matrix.hpp"
#include "kernels/linear_map.hpp"

namespace idl {

/// Which entries of A are stored, and of Aᵀ, on a device: all of a sparse matrix but its values.
/// Made on the host once, as patterns do not change while values do.
class SparsePattern {
 public:
  SparsePattern() = default;
  /// @throws InvalidArgument where the arrays are no compressed rows (csr_fault), or where there
  /// are more rows than 32-bit indices can tell apart
  SparsePattern(Context& context, index_t rows, index_t cols,
                std::span<const std::int64_t> row_offsets,
                std::span<const std::int32_t> col_indices);

  /// @throws OutOfMemory
  SparsePattern clone(Context& context) const;

  index_t rows() const { return rows_; }
  index_t cols() const { return cols_; }
  index_t nnz() const { return col_indices_.size(); }
  /// Entries of the longest row of A or of Aᵀ.
  index_t longest_row() const { return longest_row_; }
  /// Of the rows of A, where it is strictly upper triangular; otherwise empty.
  RowLevels levels() const { return levels_.view(); }
  /// Entry e of Aᵀ is entry permutation()[e] of A.
  VectorView<const std::int64_t> permutation() const { return permutation_; }

  /// A with these values.
  template <class T>
  ConstCsrView<T> with(const T* values) const {
    return {row_offsets_.data(), col_indices_.data(), values, rows_, cols_, nnz(), device()};
  }
  /// A with values to be written.
  template <class T>
  CsrView<T> writable(T* values) const {
    return {row_offsets_.data(), col_indices_.data(), values, rows_, cols_, nnz(), device()};
  }
  /// Aᵀ with these values, which are in its own order.
  template <class T>
  ConstCsrView<T> transposed(const T* values) const {
    return {transposed_row_offsets_.data(),
            transposed_col_indices_.data(),
            values,
            cols_,
            rows_,
            nnz(),
            device()};
  }
  /// The map of A, whose values are also in the order of Aᵀ.
  template <class T>
  CsrMap<T> map(const T* values, const T* transposed_values) const {
    return {with(values), transposed(transposed_values), longest_row_, levels_.view(),
            transposed_levels_.view()};
  }

 private:
  /// RowLevels and their memory.
  struct Levels {
    RowLevels view() const { return {rows.view(), offsets.view()}; }
    Levels clone(Context& context) const { return {rows.clone(context), offsets.clone(context)}; }
    Vector<std::int32_t> rows;
    Vector<std::int64_t> offsets;
  };
  static Levels levels_of(Context& context, std::span<const std::int64_t> row_offsets,
                          std::span<const std::int32_t> col_indices);
  Device device() const { return row_offsets_.device(); }

  index_t rows_ = 0;
  index_t cols_ = 0;
  index_t longest_row_ = 0;
  Vector<std::int64_t> row_offsets_;
  Vector<std::int32_t> col_indices_;
  Vector<std::int64_t> transposed_row_offsets_;
  Vector<std::int32_t> transposed_col_indices_;
  Vector<std::int64_t> permutation_;
  Levels levels_;
  Levels transposed_levels_;
};

}  // namespace idl
