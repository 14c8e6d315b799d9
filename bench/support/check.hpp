// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "idl/idl.hpp"

/// Checks of results in float64 by naive loops, before a time counts.
namespace idl::bench {

/// A column-major matrix on the host.
template <class T>
struct HostMatrix {
  HostMatrix(Context& context, ConstMatrixView<T> matrix)
      : rows(matrix.rows), cols(matrix.cols), values(download<T>(context, matrix)) {}

  std::span<const T> column(index_t j) const {
    return std::span(values).subspan(static_cast<std::size_t>(j * rows),
                                     static_cast<std::size_t>(rows));
  }

  index_t rows;
  index_t cols;
  std::vector<T> values;
};

/// sums <- sums + Ax
template <class T>
void add_product(const HostMatrix<T>& A, std::span<const T> x, std::vector<double>& sums) {
  for (index_t j = 0; j < A.cols; ++j) {
    const auto factor = static_cast<double>(x[static_cast<std::size_t>(j)]);
    const std::span<const T> column = A.column(j);
    for (std::size_t i = 0; i < column.size(); ++i)
      sums[i] += static_cast<double>(column[i]) * factor;
  }
}

/// Aᵀx
template <class T>
std::vector<double> transposed_product(const HostMatrix<T>& A, std::span<const T> x) {
  std::vector<double> sums;
  for (index_t j = 0; j < A.cols; ++j) {
    double sum = 0.0;
    const std::span<const T> column = A.column(j);
    for (std::size_t i = 0; i < column.size(); ++i)
      sum += static_cast<double>(column[i]) * static_cast<double>(x[i]);
    sums.push_back(sum);
  }
  return sums;
}

/// First, middle and last of `count`.
inline std::vector<index_t> a_few(index_t count) { return {0, count / 2, count - 1}; }

/// Every column has converged, and what its certificate says of the residual holds.
inline void require_residual(const SolveReport& report, index_t column, double residual) {
  const double allowed = report.residual[static_cast<std::size_t>(column)];
  if (!(residual <= allowed))
    throw Error("column " + std::to_string(column) + " has a residual of " +
                std::to_string(residual) + ", certified were " + std::to_string(allowed));
}

/// Trained models have columns that stagnate at rounding level; they are certified like the others.
inline void require_end(const SolveReport& report) {
  if (report.count(SolveStatus::converged) + report.count(SolveStatus::stagnated) !=
      report.status.size())
    throw Error("a column did not converge");
}

/// A few columns of X = relu(AX + BU), on the host.
template <class T>
void check_states(Context& context, const ImplicitModel<T>& model, ConstMatrixView<T> U,
                  ConstMatrixView<T> X, const SolveReport& report) {
  require_end(report);
  const HostMatrix<T> A(context, model.A());
  const HostMatrix<T> B(context, model.B());
  for (const index_t j : a_few(X.cols)) {
    const HostMatrix<T> x(context, X.columns(j, 1));
    const HostMatrix<T> u(context, U.columns(j, 1));
    std::vector<double> sums(x.values.size());
    add_product<T>(A, x.values, sums);
    add_product<T>(B, u.values, sums);
    double worst = 0.0;
    for (std::size_t i = 0; i < sums.size(); ++i)
      worst = std::max(worst, std::abs(std::max(sums[i], 0.0) - static_cast<double>(x.values[i])));
    require_residual(report, j, worst);
  }
}

}  // namespace idl::bench
