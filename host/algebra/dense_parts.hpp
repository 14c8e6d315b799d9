// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "idl/model.hpp"

/// The matrices of a model on the host, for making others of them.
namespace idl::algebra {

/// A matrix in double, column-major and contiguous, zero at first.
struct DenseMatrix {
  DenseMatrix(index_t row_count, index_t col_count)
      : rows(static_cast<std::size_t>(row_count)),
        cols(static_cast<std::size_t>(col_count)),
        values(rows * cols, 0.0) {}

  double& operator()(std::size_t i, std::size_t j) { return values[i + j * rows]; }
  double operator()(std::size_t i, std::size_t j) const { return values[i + j * rows]; }
  /// Adds a block whose first element is at (row, col).
  void add(std::size_t row, std::size_t col, const DenseMatrix& block);

  std::size_t rows;
  std::size_t cols;
  std::vector<double> values;
};

/// A, B, C and D of a model. B and D have a last column for the bias, zero where there is none; D
/// is zero where there is none.
struct DenseParts {
  explicit DenseParts(const ModelShape& shape);

  DenseMatrix A;
  DenseMatrix B;
  DenseMatrix C;
  DenseMatrix D;
};

/// With all entries, stored or not.
/// @param who, which  for errors: "cascade", "the inner model"
/// @throws InvalidArgument (A = LRᵀ, another device)
template <class T>
DenseParts dense_parts(Context& context, const ImplicitModel<T>& model, const std::string& who,
                       const std::string& which);

/// The dense model of these matrices, each rounded once.
template <class T>
ImplicitModel<T> model_of(Context& context, const DenseParts& parts, const ModelOptions& options);

}  // namespace idl::algebra
