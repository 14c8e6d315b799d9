// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <variant>

#include "idl/csr_matrix.hpp"
#include "idl/matrix.hpp"

/// MATLAB's .mat files, version 5 (read by MATLAB, Octave, SciPy and matio).
namespace idl::cli {

/// A dense column-major matrix; values.size() == rows·cols.
template <class T>
struct MatMatrix {
  index_t rows = 0;
  index_t cols = 0;
  std::span<const T> values;
};

/// A sparse matrix, by the compressed rows of its transpose: MATLAB compresses columns. Borrows.
template <class T>
struct MatSparse {
  const CsrArrays<T>& transposed;
};

struct MatVariable {
  std::string name;  ///< at most 63 letters, digits and underscores; the first is a letter
  std::variant<MatMatrix<float>, MatMatrix<double>, MatSparse<float>, MatSparse<double>, double,
               std::string>
      value;  ///< text is UTF-8
};

/// Writes the variables, each compressed, in their order: float and double matrices keep their
/// type, sparse ones become double, which is all that MATLAB knows, a number becomes a 1×1 double,
/// a text a row of characters. The same variables give the same bytes: the file's header holds no
/// date.
/// @throws IoError; InvalidArgument (a name that MATLAB does not take or that is there twice, sizes
/// that do not fit, a variable of 2 GiB or more, which the format cannot hold)
void write_mat(const std::filesystem::path& path, std::span<const MatVariable> variables);

}  // namespace idl::cli
