// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "idl/device.hpp"
#include "idl/error.hpp"
#include "idl/export.hpp"
#include "idl/matrix.hpp"

/// Compressed sparse rows: what is not stored is 0.
namespace idl {

/// A read-only window on a compressed sparse row matrix. Row i holds the entries
/// [row_offsets[i], row_offsets[i+1]); column indices ascend within a row.
template <class T>
struct ConstCsrView {
  const std::int64_t* row_offsets = nullptr;  ///< rows + 1 of them
  const std::int32_t* col_indices = nullptr;  ///< nnz of them, in [0, cols)
  const T* values = nullptr;                  ///< nnz of them
  index_t rows = 0;                           ///< number of rows
  index_t cols = 0;                           ///< number of columns
  index_t nnz = 0;                            ///< number of entries
  Device device;                              ///< where the three arrays lie

  /// Rows [first, first + count), with the same arrays of entries. @throws InvalidArgument
  ConstCsrView row_range(index_t first, index_t count) const {
    IDL_CHECK(first >= 0 && count >= 0 && count <= rows && first <= rows - count,
              "row_range: the rows reach outside the matrix");
    ConstCsrView part = *this;
    part.row_offsets += first;
    part.rows = count;
    return part;
  }
};

/// The writable form; `capacity` entries fit.
template <class T>
struct CsrView {
  std::int64_t* row_offsets = nullptr;  ///< rows + 1 of them
  std::int32_t* col_indices = nullptr;  ///< room for `capacity`, in [0, cols)
  T* values = nullptr;                  ///< room for `capacity`
  index_t rows = 0;                     ///< number of rows
  index_t cols = 0;                     ///< number of columns
  index_t capacity = 0;                 ///< number of entries that fit
  Device device;                        ///< where the three arrays lie

  /// Rows [first, first + count), with the same arrays of entries. @throws InvalidArgument
  CsrView row_range(index_t first, index_t count) const {
    IDL_CHECK(first >= 0 && count >= 0 && count <= rows && first <= rows - count,
              "row_range: the rows reach outside the matrix");
    CsrView part = *this;
    part.row_offsets += first;
    part.rows = count;
    return part;
  }
};

/// A matrix in compressed rows on the host, as ConstCsrView describes it.
template <class T>
struct CsrArrays {
  index_t rows = 0;                         ///< number of rows
  index_t cols = 0;                         ///< number of columns
  std::vector<std::int64_t> row_offsets{};  ///< rows + 1 of them, from 0 to the number of entries
  std::vector<std::int32_t> col_indices{};  ///< of the entries, ascending within a row
  std::vector<T> values{};                  ///< of the entries

  /// Calls visit(column, value) for each entry of row i, from left to right.
  template <class Visit>
  void for_row(std::size_t i, const Visit& visit) const {
    const auto end = static_cast<std::size_t>(row_offsets[i + 1]);
    for (auto k = static_cast<std::size_t>(row_offsets[i]); k < end; ++k)
      visit(static_cast<std::size_t>(col_indices[k]), values[k]);
  }
};

/// Aᵀ. @throws InvalidArgument (arrays that CsrMatrix refuses, or more rows than 32-bit indices can
/// tell apart)
template <class T>
IDL_EXPORT CsrArrays<T> transposed(const CsrArrays<T>& A);

/// Owns a matrix in compressed rows on a device. T is float or double. Which entries are stored
/// stays as it was made; their values may change, and may be zero.
template <class T>
class IDL_EXPORT CsrMatrix {
 public:
  CsrMatrix() = default;
  /// From the three arrays on the host, which are copied. Returns when they may be changed.
  /// @throws InvalidArgument where the arrays are not compressed rows of a rows×cols matrix:
  ///   wrong lengths, offsets that do not begin at 0 or that fall, a column out of range, columns
  ///   of a row that do not ascend or are there twice; the text names the array, the row, the entry
  ///   and the values. Values may be anything.
  /// @throws OutOfMemory
  CsrMatrix(Context& context, index_t rows, index_t cols, std::span<const std::int64_t> row_offsets,
            std::span<const std::int32_t> col_indices, std::span<const T> values);
  /// The same.
  CsrMatrix(Context& context, const CsrArrays<T>& arrays)
      : CsrMatrix(context, arrays.rows, arrays.cols, arrays.row_offsets, arrays.col_indices,
                  arrays.values) {}
  /// The entries of A that are not 0; NaN is not 0. Waits for the work before it.
  /// @throws InvalidArgument (another device, more columns than 32-bit indices can tell apart),
  ///   OutOfMemory
  static CsrMatrix from_dense(Context& context, std::type_identity_t<ConstMatrixView<T>> A);

  /// A copy on the context's device, which may be another. @throws OutOfMemory
  CsrMatrix clone(Context& context) const;
  /// Aᵀ on the context's device, made on the host. @throws InvalidArgument (more rows than 32-bit
  /// indices can tell apart), OutOfMemory
  CsrMatrix transposed(Context& context) const;

  /// Number of rows.
  index_t rows() const { return rows_; }
  /// Number of columns.
  index_t cols() const { return cols_; }
  /// Number of stored entries.
  index_t nnz() const { return values_.size(); }
  /// Where the arrays lie.
  Device device() const { return values_.device(); }
  /// The whole matrix. Borrows.
  ConstCsrView<T> view() const {
    return {
        row_offsets_.data(), col_indices_.data(), values_.data(), rows_, cols_, nnz(), device()};
  }
  /// As view().
  operator ConstCsrView<T>() const { return view(); }
  /// The stored values, row by row, writable. Borrows.
  VectorView<T> values() { return values_.view(); }

 private:
  CsrMatrix(index_t rows, index_t cols, Vector<std::int64_t> row_offsets,
            Vector<std::int32_t> col_indices, Vector<T> values);

  Vector<std::int64_t> row_offsets_;
  Vector<std::int32_t> col_indices_;
  Vector<T> values_;
  index_t rows_ = 0;
  index_t cols_ = 0;
};

extern template class CsrMatrix<float>;
extern template class CsrMatrix<double>;

/// The arrays on the host; those of a range of rows begin at 0 too. Waits for the work before it.
/// @throws InvalidArgument (another device, offsets that reach outside the entries)
template <class T>
IDL_EXPORT CsrArrays<T> download(Context& context, ConstCsrView<T> source);
/// The same for a whole matrix.
template <class T>
CsrArrays<T> download(Context& context, const CsrMatrix<T>& source) {
  return download<T>(context, source.view());
}

}  // namespace idl
