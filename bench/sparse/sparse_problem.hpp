// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "bench/support/check.hpp"
#include "bench/support/problem.hpp"
#include "idl/idl.hpp"
#include "kernels/linear_map.hpp"

namespace idl::bench {

/// A matrix of which a share of the entries is not zero, in both forms on the host, and its
/// transpose.
template <class T>
class SparseEntries {
 public:
  /// Standard normal at random places; rows that hold any are scaled to Σ|A_ij| = `row_sum`.
  SparseEntries(index_t rows, index_t cols, double density, double row_sum, std::uint64_t seed)
      : rows_(rows), cols_(cols), dense_(static_cast<std::size_t>(rows * cols)) {
    std::mt19937_64 engine(seed);
    std::normal_distribution<double> normal;
    const auto chosen = [&] { return static_cast<double>(engine() >> 11) * 0x1p-53 < density; };
    std::vector<double> row(static_cast<std::size_t>(cols));
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
      double sum = 0.0;
      for (double& value : row) {
        value = chosen() ? normal(engine) : 0.0;
        sum += std::abs(value);
      }
      for (std::size_t j = 0; j < row.size(); ++j)
        dense_[i + j * static_cast<std::size_t>(rows)] =
            sum == 0.0 ? T(0) : static_cast<T>(row_sum / sum * row[j]);
    }
    by_rows_ = compressed(false);
    by_columns_ = compressed(true);
  }

  const std::vector<T>& dense() const { return dense_; }
  ConstCsrView<T> view() const { return by_rows_.view(rows_, cols_); }
  ConstCsrView<T> transposed() const { return by_columns_.view(cols_, rows_); }
  /// Of the host, hence for its own processor alone. Borrows.
  CsrMap<T> map() const { return {.A = view(), .transposed = transposed(), .longest_row = cols_}; }

 private:
  struct Compressed {
    std::vector<std::int64_t> offsets{0};
    std::vector<std::int32_t> indices;
    std::vector<T> values;
    ConstCsrView<T> view(index_t rows, index_t cols) const {
      return {.row_offsets = offsets.data(),
              .col_indices = indices.data(),
              .values = values.data(),
              .rows = rows,
              .cols = cols,
              .nnz = static_cast<index_t>(values.size()),
              .device = Device::cpu()};
    }
  };

  Compressed compressed(bool transpose) const {
    Compressed result;
    const auto outer = static_cast<std::size_t>(transpose ? cols_ : rows_);
    const auto inner = static_cast<std::size_t>(transpose ? rows_ : cols_);
    for (std::size_t i = 0; i < outer; ++i) {
      for (std::size_t j = 0; j < inner; ++j) {
        const T value = dense_[transpose ? j + i * inner : i + j * outer];
        if (value == T(0)) continue;
        result.indices.push_back(static_cast<std::int32_t>(j));
        result.values.push_back(value);
      }
      result.offsets.push_back(static_cast<std::int64_t>(result.values.size()));
    }
    return result;
  }

  index_t rows_;
  index_t cols_;
  std::vector<T> dense_;
  Compressed by_rows_;
  Compressed by_columns_;
};

/// Standard normal numbers.
template <class T>
Matrix<T> normals(Context& context, index_t rows, index_t cols, std::uint64_t sequence) {
  Matrix<T> result(context, rows, cols);
  backend_of(context)->run(FillRandom<T>{.A = result, .seed = 7, .sequence = sequence});
  return result;
}

/// A fixed point that is solved again and again from zero with the default tolerance, and the
/// memory of the solve.
template <class T>
class LoopOnly {
 public:
  LoopOnly(Context& context, index_t n, index_t m)
      : X(context, n, m),
        product(context, n, m),
        status(context, m),
        iterations(context, m),
        stalled(context, m),
        active(context, 1),
        best_steps(context, m),
        step_norms(context, m),
        state_norms(context, m) {}

  FixedPoint<T> of(const LinearMap<T>& A, std::variant<PicardMap<T>, AdjointMap<T>> f,
                   Sweep sweep) {
    const Tolerance tolerance;
    return {.A = A,
            .transpose = std::holds_alternative<AdjointMap<T>>(f),
            .X = X,
            .product = product,
            .f = f,
            .columns = {.status = status,
                        .iterations = iterations,
                        .best_steps = best_steps,
                        .stalled = stalled,
                        .active = active},
            .step_norms = step_norms,
            .state_norms = state_norms,
            .decision = {.absolute = static_cast<T>(tolerance.absolute),
                         .max_iterations = tolerance.max_iterations},
            .sweep = sweep};
  }

  Matrix<T> X, product;
  Vector<std::uint8_t> status;
  Vector<std::int32_t> iterations, stalled, active;
  Vector<T> best_steps, step_norms, state_norms;
};

}  // namespace idl::bench
