// SPDX-License-Identifier: MIT
#include "idl/well_posedness.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "host/backend_of.hpp"
#include "host/model/perron.hpp"
#include "host/model/structure/structure.hpp"
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
  const CsrArrays<double>& arrays() const { return A_; }

 private:
  CsrArrays<double> A_;
};

/// ‖A‖∞; NaN where an entry is.
double inf_norm(const CsrArrays<double>& A) {
  double norm = 0.0;
  for (std::size_t i = 0; i + 1 < A.row_offsets.size(); ++i) {
    double sum = 0.0;
    for (auto e = static_cast<std::size_t>(A.row_offsets[i]);
         e < static_cast<std::size_t>(A.row_offsets[i + 1]); ++e)
      sum += A.values[e];
    if (std::isnan(sum)) return sum;  // which std::max would drop
    norm = std::max(norm, sum);
  }
  return norm;
}

bool is_strictly_upper(const CsrArrays<double>& A) {
  for (std::size_t i = 0; i + 1 < A.row_offsets.size(); ++i)
    if (A.row_offsets[i] < A.row_offsets[i + 1] &&
        A.col_indices[static_cast<std::size_t>(A.row_offsets[i])] <= static_cast<index_t>(i))
      return false;
  return true;
}

WellPosednessReport report_of(const CsrArrays<double>& A, const Activation& activation) {
  WellPosednessReport report;
  report.inf_norm = inf_norm(A);
  const double size = static_cast<double>(A.rows) * static_cast<double>(A.cols);
  report.density = A.rows == 0 ? 0.0 : static_cast<double>(A.values.size()) / size;
  const double L = lipschitz_constant(activation);
  report.contraction = L * report.inf_norm;
  report.perron_root = perron_root(A);
  if (report.contraction < 1.0)
    report.proof = WellPosednessProof::norm;
  else if (is_strictly_upper(A))
    report.proof = WellPosednessProof::triangular;
  else if (L * report.perron_root < 1.0)
    report.proof = WellPosednessProof::perron;
  return report;
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
  const std::vector<T> values = download(context, A);
  Magnitudes magnitudes(A.rows);
  for (index_t i = 0; i < A.rows; ++i) {
    for (index_t j = 0; j < A.cols; ++j)
      magnitudes.add(j, static_cast<double>(values[static_cast<std::size_t>(i + j * A.rows)]));
    magnitudes.end_row();
  }
  return report_of(magnitudes.arrays(), activation);
}

template <class T>
WellPosednessReport examine_well_posedness(Context& context, ConstCsrView<T> A,
                                           const Activation& activation) {
  check_square(A.rows, A.cols);
  const CsrArrays<T> arrays = download(context, A);
  Magnitudes magnitudes(A.rows);
  for (std::size_t i = 0; i + 1 < arrays.row_offsets.size(); ++i) {
    for (auto e = static_cast<std::size_t>(arrays.row_offsets[i]);
         e < static_cast<std::size_t>(arrays.row_offsets[i + 1]); ++e)
      magnitudes.add(arrays.col_indices[e], static_cast<double>(arrays.values[e]));
    magnitudes.end_row();
  }
  return report_of(magnitudes.arrays(), activation);
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

}  // namespace idl
