// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "idl/csr_matrix.hpp"
#include "idl/io.hpp"

/// Matrices in compressed rows as PyTorch names their parts: "A.crow_indices" (rows + 1 offsets),
/// "A.col_indices" and "A.values".
namespace idl {

/// Whether the matrix is there in compressed rows.
/// @throws IoError where it is there with all entries too, or where some of the three parts lack
bool is_sparse(const io::Safetensors& file, const std::string& matrix);

/// Whether the matrix is there, with all entries or in compressed rows.
inline bool has_matrix(const io::Safetensors& file, const std::string& matrix) {
  return file.contains(matrix) || is_sparse(file, matrix);
}

/// The number of rows that the offsets tell. @throws IoError
index_t sparse_rows(const io::Safetensors& file, const std::string& matrix);

/// @throws IoError where the parts are no compressed rows of a rows×cols matrix, or a value is not
/// finite; the text names the part, the row, the entry and the values
template <class T>
CsrArrays<T> read_sparse(const io::Safetensors& file, const std::string& matrix, index_t rows,
                         index_t cols);

/// Adds the pattern alone: the values are a tensor of the layout.
void put_pattern(io::Safetensors& file, const std::string& matrix,
                 std::span<const std::int64_t> row_offsets,
                 std::span<const std::int32_t> col_indices);

}  // namespace idl
