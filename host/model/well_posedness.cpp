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

template <class T>
WellPosednessReport examine_well_posedness(Context& context, ConstMatrixView<T> A,
                                           const Activation& activation) {
  IDL_CHECK(A.rows == A.cols, "examine_well_posedness: A is " + std::to_string(A.rows) + "x" +
                                  std::to_string(A.cols) + ", it must be square");
  const std::vector<T> values = download(context, A);
  const auto n = static_cast<std::size_t>(A.rows);
  std::vector<double> magnitudes(values.size());
  std::transform(values.begin(), values.end(), magnitudes.begin(),
                 [](T value) { return std::abs(static_cast<double>(value)); });

  WellPosednessReport report;
  std::vector<double> row_sums(n, 0.0);
  std::size_t nonzeros = 0;
  bool triangular = true;
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i < n; ++i) {
      const double magnitude = magnitudes[i + j * n];
      row_sums[i] += magnitude;
      if (magnitude == 0.0) continue;
      ++nonzeros;
      if (i >= j) triangular = false;
    }
  }
  for (const double sum : row_sums) {
    report.inf_norm = std::max(report.inf_norm, sum);
    if (std::isnan(sum)) {  // which std::max would drop
      report.inf_norm = sum;
      break;
    }
  }
  report.density = n == 0 ? 0.0 : static_cast<double>(nonzeros) / static_cast<double>(n * n);
  const double L = lipschitz_constant(activation);
  report.contraction = L * report.inf_norm;
  report.perron_root = perron_root(magnitudes, A.rows);
  if (report.contraction < 1.0)
    report.proof = WellPosednessProof::norm;
  else if (triangular)
    report.proof = WellPosednessProof::triangular;
  else if (L * report.perron_root < 1.0)
    report.proof = WellPosednessProof::perron;
  return report;
}

template void project(Context&, const WellPosedness&, MatrixView<float>);
template void project(Context&, const WellPosedness&, MatrixView<double>);
template WellPosednessReport examine_well_posedness(Context&, ConstMatrixView<float>,
                                                    const Activation&);
template WellPosednessReport examine_well_posedness(Context&, ConstMatrixView<double>,
                                                    const Activation&);

}  // namespace idl
