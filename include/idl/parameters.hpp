// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "idl/error.hpp"
#include "idl/matrix.hpp"

namespace idl {

/// A named tensor of a model: a part of the matrix M that holds all of its parameters.
struct ParameterTensor {
  std::string name;  ///< as in model files: "A", "B", ..., or "A.values" of compressed rows
  index_t row = 0;   ///< of its first entry in M
  index_t col = 0;   ///< of its first entry in M
  index_t rows = 0;  ///< its own
  index_t cols = 0;  ///< its own
  /// Elements from one of its columns to the next; 0 where these are columns of M.
  index_t ld = 0;
  /// It has one dimension in files.
  bool is_vector = false;

  /// The tensor in M, or in a matrix of the shape of M, as gradients and moments are.
  /// @throws InvalidArgument where the block reaches outside M
  template <class T>
  MatrixView<T> of(MatrixView<T> M) const {
    return part_of(M);
  }
  /// The same, read-only.
  template <class T>
  ConstMatrixView<T> of(ConstMatrixView<T> M) const {
    return part_of(M);
  }

  /// The same name at the same place.
  friend bool operator==(const ParameterTensor&, const ParameterTensor&) = default;

 private:
  template <class View>
  View part_of(View M) const {
    if (ld == 0) return M.block(row, col, rows, cols);
    View part = M.block(row, col, ld * cols, 1);
    part.rows = rows;
    part.cols = cols;
    part.ld = ld;
    return part;
  }
};

/// The named tensors of a model, in the order of its formula, and where they lie in M.
struct ParameterLayout {
  index_t rows = 0;                      ///< of M
  index_t cols = 0;                      ///< of M
  std::vector<ParameterTensor> tensors;  ///< they do not overlap

  /// The tensor of this name. @throws InvalidArgument with the names that there are
  const ParameterTensor& at(std::string_view name) const {
    std::string known;
    for (const ParameterTensor& tensor : tensors) {
      if (tensor.name == name) return tensor;
      known += (known.empty() ? "" : ", ") + tensor.name;
    }
    throw InvalidArgument("the model has no tensor '" + std::string(name) + "', it has: " + known);
  }

  /// The same tensors in a matrix of the same shape.
  friend bool operator==(const ParameterLayout&, const ParameterLayout&) = default;
};

}  // namespace idl
