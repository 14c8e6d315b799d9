// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "idl/device.hpp"
#include "idl/matrix.hpp"

namespace idl {

/// A read-only window on a compressed sparse row matrix. Row i holds the entries
/// [row_offsets[i], row_offsets[i+1]); column indices ascend within a row.
template <class T>
struct ConstCsrView {
  const std::int64_t* row_offsets = nullptr;  ///< rows + 1 of them
  const std::int32_t* col_indices = nullptr;
  const T* values = nullptr;
  index_t rows = 0;
  index_t cols = 0;
  index_t nnz = 0;
  Device device;
};

/// The writable form; `capacity` entries fit.
template <class T>
struct CsrView {
  std::int64_t* row_offsets = nullptr;
  std::int32_t* col_indices = nullptr;
  T* values = nullptr;
  index_t rows = 0;
  index_t cols = 0;
  index_t capacity = 0;
  Device device;
};

}  // namespace idl
