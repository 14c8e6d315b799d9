// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "idl/device.hpp"
#include "idl/error.hpp"
#include "idl/matrix.hpp"

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
    IDL_CHECK(first >= 0 && count >= 0 && first + count <= rows,
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
};

}  // namespace idl
