// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "idl/error.hpp"
#include "idl/matrix.hpp"

/// Whether three arrays are the compressed rows of a matrix: for arrays of callers and for tensors
/// of files.
namespace idl {

/// What errors call the matrix and its arrays.
struct CsrNames {
  std::string matrix;
  std::string row_offsets;
  std::string col_indices;
  std::string values;
};

/// "A", "A.row_offsets", "A.col_indices", "A.values".
CsrNames csr_names(const std::string& matrix);

/// What is wrong with the arrays, in words that name the array, row and entry with the values;
/// empty where nothing is. `values` is the number of values. Offset and Column are std::int32_t or
/// std::int64_t.
template <class Offset, class Column>
std::string csr_fault(const CsrNames& names, index_t rows, index_t cols,
                      std::span<const Offset> row_offsets, std::span<const Column> col_indices,
                      std::uint64_t values);

/// @throws InvalidArgument with `caller` and csr_fault()
template <class Offset, class Column>
void check_csr(const std::string& caller, const CsrNames& names, index_t rows, index_t cols,
               std::span<const Offset> row_offsets, std::span<const Column> col_indices,
               std::uint64_t values) {
  const std::string fault = csr_fault(names, rows, cols, row_offsets, col_indices, values);
  IDL_CHECK(fault.empty(), caller + ": " + fault);
}

}  // namespace idl
