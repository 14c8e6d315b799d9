// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "idl/matrix.hpp"

namespace idl::pictures {

/// Along one side of a matrix in a picture: one entry takes `pixels` pixels, or `entries` entries
/// share one.
struct SpyScale {
  index_t count = 0;
  index_t entries = 1;
  int pixels = 1;

  index_t cells() const { return (count + entries - 1) / entries; }
  int length() const { return static_cast<int>(cells()) * pixels; }
};

/// One matrix of a picture, to which its entries are given; the others are zero.
class SpyMatrix {
 public:
  SpyMatrix(SpyScale rows, SpyScale cols);

  /// Each entry once, in any order, 0 <= row < rows().count, likewise col.
  void add(index_t row, index_t col, float value) {
    if (value == 0) return;
    ++nonzero_;
    const bool finite = std::isfinite(value);
    if (!finite) ++not_finite_;
    const double magnitude = finite ? std::abs(static_cast<double>(value)) : NAN;
    sums_[static_cast<std::size_t>(col / cols_.entries * rows_.cells() + row / rows_.entries)] +=
        magnitude;
    row_sums_[static_cast<std::size_t>(row)] += magnitude;
  }

  const SpyScale& rows() const { return rows_; }
  const SpyScale& cols() const { return cols_; }
  index_t nonzero() const { return nonzero_; }
  index_t not_finite() const { return not_finite_; }
  /// Of the magnitudes of each row; NaN where one of them is not finite.
  const std::vector<double>& row_sums() const { return row_sums_; }
  /// The mean magnitude of the entries that share a cell of the picture; NaN where one of them is
  /// not finite.
  double mean(index_t row_cell, index_t col_cell) const;

 private:
  SpyScale rows_;
  SpyScale cols_;
  std::vector<double> sums_;  ///< of the magnitudes, column by column of cells
  std::vector<double> row_sums_;
  index_t nonzero_ = 0;
  index_t not_finite_ = 0;
};

/// A picture of the matrices A (n×n), B (n×p), C (q×n) and D (q×p) side by side; p counts the
/// column of the bias, where there is one. Its memory is that of its pixels and of a
/// number a row, whatever else n is.
class SpyPlot {
 public:
  /// @param title  UTF-8
  /// @throws InvalidArgument (n, p or q < 1)
  SpyPlot(std::string title, index_t n, index_t p, index_t q);

  /// "A", "B", "C" or "D". @throws InvalidArgument for any other name
  SpyMatrix& matrix(std::string_view name);

  /// Each pixel shows the mean magnitude of the entries that it stands for, on a logarithmic colour
  /// scale; white where all of them are zero, red where one is not finite.
  std::vector<std::byte> png() const;

 private:
  std::string title_;
  std::array<SpyMatrix, 4> matrices_;  ///< A, B, C, D
};

}  // namespace idl::pictures
