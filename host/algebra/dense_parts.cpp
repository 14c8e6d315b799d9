// SPDX-License-Identifier: MIT
#include "host/algebra/dense_parts.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "idl/error.hpp"
#include "kernels/base/number_range.hpp"
#include "kernels/operand_checks.hpp"

namespace idl::algebra {
namespace {

/// Adds the entries of one of "A", "B", "C" and "D" to `target`, which may have more columns.
template <class T>
void take(Context& context, const ImplicitModel<T>& model, const char* name, DenseMatrix& target) {
  if (!model.is_sparse(name)) {
    const ConstMatrixView<T> view = model.layout().at(name).of(model.M());
    const std::vector<T> values = download(context, view);
    std::ranges::transform(values, target.values.begin(),
                           [](T value) { return static_cast<double>(value); });
    return;
  }
  const CsrArrays<T> stored = download(context, model.csr(name));
  for (std::size_t i = 0; i < target.rows; ++i)
    stored.for_row(i, [&](std::size_t j, T value) { target(i, j) = static_cast<double>(value); });
}

/// The first columns of a matrix, rounded. @throws InvalidArgument where T cannot hold an entry
template <class T>
Matrix<T> rounded(Context& context, const DenseMatrix& matrix, index_t cols) {
  const auto count = matrix.rows * static_cast<std::size_t>(cols);
  std::vector<T> values(count);
  std::transform(matrix.values.begin(), matrix.values.begin() + static_cast<std::ptrdiff_t>(count),
                 values.begin(), [](double value) {
                   IDL_CHECK(!std::isfinite(value) || std::isfinite(static_cast<T>(value)),
                             "an entry of the model would be " + number_text(value) +
                                 ", which float32 cannot hold");
                   return static_cast<T>(value);
                 });
  return Matrix<T>::from_host(context, static_cast<index_t>(matrix.rows), cols, values);
}

}  // namespace

void DenseMatrix::add(std::size_t row, std::size_t col, const DenseMatrix& block) {
  for (std::size_t j = 0; j < block.cols; ++j)
    for (std::size_t i = 0; i < block.rows; ++i) (*this)(row + i, col + j) += block(i, j);
}

DenseParts::DenseParts(const ModelShape& shape)
    : A(shape.states, shape.states),
      B(shape.states, shape.inputs + 1),
      C(shape.outputs, shape.states),
      D(shape.outputs, shape.inputs + 1) {}

template <class T>
DenseParts dense_parts(Context& context, const ImplicitModel<T>& model, const std::string& who,
                       const std::string& which) {
  OperandChecks checks(who.c_str(), context.device());
  checks.input(which.c_str(), model.M());
  IDL_CHECK(!model.options().rank,
            who + ": A of " + which + " is LRᵀ; what is made of models has A with all entries");
  DenseParts parts(model.shape());
  take(context, model, "A", parts.A);
  take(context, model, "B", parts.B);
  take(context, model, "C", parts.C);
  if (!model.options().no_D) take(context, model, "D", parts.D);
  return parts;
}

template <class T>
ImplicitModel<T> model_of(Context& context, const DenseParts& parts, const ModelOptions& options) {
  const index_t inputs = static_cast<index_t>(parts.B.cols) - (options.bias ? 0 : 1);
  ModelMatrices<T> matrices = {
      .A = rounded<T>(context, parts.A, static_cast<index_t>(parts.A.cols)),
      .B = rounded<T>(context, parts.B, inputs),
      .C = rounded<T>(context, parts.C, static_cast<index_t>(parts.C.cols))};
  if (!options.no_D) matrices.D = rounded<T>(context, parts.D, inputs);
  return ImplicitModel<T>(context, matrices, options);
}

template DenseParts dense_parts(Context&, const ImplicitModel<float>&, const std::string&,
                                const std::string&);
template DenseParts dense_parts(Context&, const ImplicitModel<double>&, const std::string&,
                                const std::string&);
template ImplicitModel<float> model_of(Context&, const DenseParts&, const ModelOptions&);
template ImplicitModel<double> model_of(Context&, const DenseParts&, const ModelOptions&);

}  // namespace idl::algebra
