// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "idl/model.hpp"
#include "tests/host/dense_oracle.hpp"

/// What a model answers, by plain loops in double from its stored entries.
namespace idl::test {

/// One of "A", "B", "C" and "D" with all entries, stored or not; zero for a D that is missing.
template <class T>
Dense<double> dense_of(Context& context, const ImplicitModel<T>& model, const std::string& name) {
  const auto n = static_cast<std::size_t>(model.shape().states);
  const auto q = static_cast<std::size_t>(model.shape().outputs);
  const auto p = static_cast<std::size_t>(model.input_rows());
  Dense<double> result(name < "C" ? n : q, name == "A" || name == "C" ? n : p);
  if (name == "D" && model.options().no_D) return result;
  if (!model.is_sparse(name)) {
    const ConstMatrixView<T> view = name == "A"   ? model.A()
                                    : name == "B" ? model.B()
                                    : name == "C" ? model.C()
                                                  : model.D();
    const std::vector<T> values = download(context, view);
    result.values.assign(values.begin(), values.end());
    return result;
  }
  const CsrArrays<T> arrays = download(context, model.csr(name));
  for (std::size_t i = 0; i < result.rows; ++i)
    for (auto k = static_cast<std::size_t>(arrays.row_offsets[i]);
         k < static_cast<std::size_t>(arrays.row_offsets[i + 1]); ++k)
      result(i, static_cast<std::size_t>(arrays.col_indices[k])) =
          static_cast<double>(arrays.values[k]);
  return result;
}

struct Answer {
  std::vector<double> x;
  std::vector<double> y;
};

/// x = φ(Ax + z) where A is zero on and below its diagonal: from the last state to the first.
inline std::vector<double> substituted(const Dense<double>& A, std::vector<double> z,
                                       const Activation& activation) {
  for (std::size_t i = A.rows; i-- > 0;) {
    for (std::size_t j = i + 1; j < A.cols; ++j) z[i] += A(i, j) * z[j];
    z[i] = phi(activation, z[i]);
  }
  return z;
}

/// To one sample.
template <class T>
Answer answer_of(Context& context, const ImplicitModel<T>& model, std::vector<double> u) {
  if (model.options().bias) u.push_back(1.0);
  const Dense<double> A = dense_of(context, model, "A");
  const std::vector<double> none(A.rows, 0.0);
  const std::vector<double> z = affine(dense_of(context, model, "B"), u, none);
  Answer answer;
  const Activation& activation = model.options().activation;
  answer.x = model.options().well_posedness.kind == WellPosednessKind::strictly_upper_triangular
                 ? substituted(A, z, activation)
                 : solve_equilibrium(A, z, activation, none).x;
  answer.y = affine(dense_of(context, model, "D"), u,
                    std::vector<double>(static_cast<std::size_t>(model.shape().outputs), 0.0));
  answer.y = affine(dense_of(context, model, "C"), answer.x, answer.y);
  return answer;
}

}  // namespace idl::test
