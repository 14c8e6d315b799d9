// SPDX-License-Identifier: MIT
#include "idl/well_posedness.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "host/backend_of.hpp"
#include "host/model/perron.hpp"
#include "host/model/structure/structure.hpp"
#include "host/sparse/row_levels.hpp"
#include "idl/context.hpp"
#include "idl/error.hpp"
#include "kernels/backend.hpp"

namespace idl {

template <class T>
void project(Context& context, const WellPosedness& constraint, MatrixView<T> A) {
  IDL_CHECK(A.rows == A.cols, "project: A is " + std::to_string(A.rows) + "x" +
                                  std::to_string(A.cols) + ", it must be square");
  backend_of(context)->run_in_order(steps_of(projection_of(constraint, A)));
}

namespace {

/// |A|, of which the entries that are not 0 are kept; NaN is not 0.
class Magnitudes {
 public:
  explicit Magnitudes(index_t n)
      : A_{.rows = n, .cols = n, .row_offsets = {0}, .col_indices = {}, .values = {}} {}

  void add(index_t column, double value) {
    if (value == 0.0) return;
    A_.col_indices.push_back(static_cast<std::int32_t>(column));
    A_.values.push_back(std::abs(value));
  }
  void end_row() { A_.row_offsets.push_back(static_cast<std::int64_t>(A_.values.size())); }
  CsrArrays<double> take() { return std::move(A_); }

 private:
  CsrArrays<double> A_;
};

/// Of an n×n matrix, column by column.
template <class T>
CsrArrays<double> magnitudes_of(const std::vector<T>& A, index_t n) {
  Magnitudes magnitudes(n);
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j)
      magnitudes.add(j, static_cast<double>(A[static_cast<std::size_t>(i + j * n)]));
    magnitudes.end_row();
  }
  return magnitudes.take();
}

template <class T>
CsrArrays<double> magnitudes_of(const CsrArrays<T>& A) {
  Magnitudes magnitudes(A.rows);
  for (std::size_t i = 0; i + 1 < A.row_offsets.size(); ++i) {
    A.for_row(i, [&](std::size_t column, T value) {
      magnitudes.add(static_cast<index_t>(column), static_cast<double>(value));
    });
    magnitudes.end_row();
  }
  return magnitudes.take();
}

/// ‖A‖∞; NaN where an entry is.
double inf_norm(const CsrArrays<double>& A) {
  double norm = 0.0;
  for (std::size_t i = 0; i + 1 < A.row_offsets.size(); ++i) {
    double sum = 0.0;
    A.for_row(i, [&](std::size_t, double value) { sum += value; });
    if (std::isnan(sum)) return sum;  // which std::max would drop
    norm = std::max(norm, sum);
  }
  return norm;
}

/// What follows from the norm and the Perron root of `report`, where φ has the constant L.
/// Sums of so many nonnegative terms are off by a relative error of as many roundings.
WellPosednessReport proved(WellPosednessReport report, double L, bool triangular, index_t terms) {
  const double up = 1.0 + (static_cast<double>(terms) + 8.0) * 0x1p-52;
  report.contraction = L * report.inf_norm;
  if (report.contraction * up < 1.0)
    report.proof = WellPosednessProof::norm;
  else if (triangular && std::isfinite(report.perron_root))  // all entries are
    report.proof = WellPosednessProof::triangular;
  else if (L * report.perron_root * up < 1.0)
    report.proof = WellPosednessProof::perron;
  return report;
}

WellPosednessReport report_of(const CsrArrays<double>& A, const Activation& activation) {
  WellPosednessReport report;
  report.inf_norm = inf_norm(A);
  const double size = static_cast<double>(A.rows) * static_cast<double>(A.cols);
  report.density = A.rows == 0 ? 0.0 : static_cast<double>(A.values.size()) / size;
  report.perron_root = perron_root(A);
  return proved(report, lipschitz_constant(activation),
                !first_on_or_below(A.row_offsets, A.col_indices), A.cols);
}

/// The entries (i, j) of `rows`×`cols` numbers, column by column, as their magnitudes.
class Factor {
 public:
  template <class T>
  Factor(const std::vector<T>& entries, index_t rows)
      : magnitudes_(entries.begin(), entries.end()), rows_(static_cast<std::size_t>(rows)) {
    for (double& entry : magnitudes_) entry = std::abs(entry);
  }
  double operator()(index_t i, index_t j) const {
    return magnitudes_[static_cast<std::size_t>(i) + static_cast<std::size_t>(j) * rows_];
  }
  index_t nonzeros() const {
    return std::ssize(magnitudes_) - std::count(magnitudes_.begin(), magnitudes_.end(), 0.0);
  }

 private:
  std::vector<double> magnitudes_;
  std::size_t rows_;
};

/// |R|ᵀ|L|, or |L||R|ᵀ, which has the same λ_pf, whichever is smaller; no entry is below its exact
/// value.
CsrArrays<double> core_of(const Factor& L, const Factor& R, index_t n, index_t rank) {
  const bool small = rank <= n;
  const index_t size = std::min(rank, n);
  const index_t terms = std::max(rank, n);
  const double up = 1.0 + (static_cast<double>(terms) + 2.0) * 0x1p-52;
  Magnitudes core(size);
  for (index_t i = 0; i < size; ++i) {
    for (index_t j = 0; j < size; ++j) {
      double sum = 0.0;
      for (index_t k = 0; k < terms; ++k) sum += small ? R(k, i) * L(k, j) : L(i, k) * R(j, k);
      core.add(j, sum * up);
    }
    core.end_row();
  }
  return core.take();
}

/// ‖|L||R|ᵀ‖∞; NaN where an entry is.
double inf_norm_of_product(const Factor& L, const Factor& R, index_t n, index_t rank) {
  std::vector<double> sums(static_cast<std::size_t>(rank), 0.0);
  for (index_t k = 0; k < rank; ++k)
    for (index_t j = 0; j < n; ++j) sums[static_cast<std::size_t>(k)] += R(j, k);
  double norm = 0.0;
  for (index_t i = 0; i < n; ++i) {
    double sum = 0.0;
    for (index_t k = 0; k < rank; ++k) sum += L(i, k) * sums[static_cast<std::size_t>(k)];
    if (std::isnan(sum)) return sum;
    norm = std::max(norm, sum);
  }
  return norm;
}

void check_square(index_t rows, index_t cols) {
  IDL_CHECK(rows == cols, "examine_well_posedness: A is " + std::to_string(rows) + "x" +
                              std::to_string(cols) + ", it must be square");
}

}  // namespace

template <class T>
WellPosednessReport examine_well_posedness(Context& context, ConstMatrixView<T> A,
                                           const Activation& activation) {
  check_square(A.rows, A.cols);
  return report_of(magnitudes_of(download(context, A), A.rows), activation);
}

template <class T>
WellPosednessReport examine_well_posedness(Context& context, ConstCsrView<T> A,
                                           const Activation& activation) {
  check_square(A.rows, A.cols);
  return report_of(magnitudes_of(download(context, A)), activation);
}

template <class T>
WellPosednessReport examine_well_posedness(Context& context, ConstMatrixView<T> L,
                                           ConstMatrixView<T> R, const Activation& activation) {
  IDL_CHECK(L.rows == R.rows && L.cols == R.cols,
            "examine_well_posedness: L is " + std::to_string(L.rows) + "x" +
                std::to_string(L.cols) + ", R is " + std::to_string(R.rows) + "x" +
                std::to_string(R.cols) + ", they must have one shape");
  const Factor left(download(context, L), L.rows);
  const Factor right(download(context, R), R.rows);
  WellPosednessReport report;
  report.inf_norm = inf_norm_of_product(left, right, L.rows, L.cols);
  report.perron_root = perron_root(core_of(left, right, L.rows, L.cols));
  const double stored = 2.0 * static_cast<double>(L.rows) * static_cast<double>(L.cols);
  report.density =
      stored > 0 ? static_cast<double>(left.nonzeros() + right.nonzeros()) / stored : 0.0;
  return proved(report, lipschitz_constant(activation), false, L.rows + L.cols);
}

template void project(Context&, const WellPosedness&, MatrixView<float>);
template void project(Context&, const WellPosedness&, MatrixView<double>);
template WellPosednessReport examine_well_posedness(Context&, ConstMatrixView<float>,
                                                    const Activation&);
template WellPosednessReport examine_well_posedness(Context&, ConstMatrixView<double>,
                                                    const Activation&);
template WellPosednessReport examine_well_posedness(Context&, ConstCsrView<float>,
                                                    const Activation&);
template WellPosednessReport examine_well_posedness(Context&, ConstCsrView<double>,
                                                    const Activation&);
template WellPosednessReport examine_well_posedness(Context&, ConstMatrixView<float>,
                                                    ConstMatrixView<float>, const Activation&);
template WellPosednessReport examine_well_posedness(Context&, ConstMatrixView<double>,
                                                    ConstMatrixView<double>, const Activation&);

}  // namespace idl
