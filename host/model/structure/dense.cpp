// SPDX-License-Identifier: MIT
#include "host/model/structure/dense.hpp"

#include <cmath>

#include "host/model/structure/low_rank.hpp"
#include "host/model/structure/strictly_upper.hpp"
#include "host/options/validate.hpp"

namespace idl {
namespace {

/// κ as T, never above κ itself, so that ‖A‖∞ <= κ holds in double too.
template <class T>
T rounded_down(double kappa) {
  const T nearest = static_cast<T>(kappa);
  return static_cast<double>(nearest) > kappa ? std::nextafter(nearest, T(0)) : nearest;
}

}  // namespace

ParameterLayout layout_of(const ModelShape& shape, const ModelOptions& options) {
  if (options.rank) return sparse_layout(matrix_sizes(shape, options));
  const index_t n = shape.states;
  const index_t q = shape.outputs;
  const index_t p = shape.inputs + (options.bias ? 1 : 0);
  ParameterLayout layout = {
      n + q, n + p, {{"A", 0, 0, n, n}, {"B", 0, n, n, p}, {"C", n, 0, q, n}}};
  if (!options.no_D) layout.tensors.push_back({"D", n, n, q, p});
  return layout;
}

template <class T>
std::shared_ptr<const Structure<T>> make_dense_structure(const ModelShape& shape,
                                                         const ModelOptions& options) {
  ParameterLayout layout = layout_of(shape, options);
  if (options.well_posedness.kind == WellPosednessKind::strictly_upper_triangular)
    return std::make_shared<StrictlyUpperStructure<T>>(std::move(layout));
  return std::make_shared<DenseStructure<T>>(std::move(layout));
}

template <class T>
std::shared_ptr<const Structure<T>> make_structure(Context& context, const ModelShape& shape,
                                                   const ModelOptions& options) {
  if (options.rank) {
    std::vector<TensorStorage> tensors;
    for (const TensorSize& size : matrix_sizes(shape, options))
      tensors.push_back({.rows = size.rows, .cols = size.cols, .rank = size.rank});
    return std::make_shared<LowRankStructure<T>>(context, std::move(tensors));
  }
  return make_dense_structure<T>(shape, options);
}

template <class T>
Projection<T> projection_of(const WellPosedness& constraint, MatrixView<T> A) {
  switch (constraint.kind) {
    case WellPosednessKind::inf_norm_ball:
      check_number("kappa", constraint.kappa, ranges::k_kappa);
      return ProjectRowsL1<T>{.A = A, .radius = rounded_down<T>(constraint.kappa)};
    case WellPosednessKind::strictly_upper_triangular:
      return MaskStrictlyUpper<T>{.A = A};
    case WellPosednessKind::none:
      return {};
  }
  return {};
}

template <class T>
Projection<T> projection_of(const WellPosedness& constraint, CsrView<T> A) {
  if (constraint.kind != WellPosednessKind::inf_norm_ball) return {};
  check_number("kappa", constraint.kappa, ranges::k_kappa);
  return ProjectCsrRowsL1<T>{.A = A, .radius = rounded_down<T>(constraint.kappa)};
}

template <class T>
ModelMaps<T> DenseStructure<T>::maps(ConstMatrixView<T> M, VectorView<T>) const {
  const auto dense = [&](const char* name) { return DenseMap<T>{this->layout().at(name).of(M)}; };
  ModelMaps<T> maps = {dense("A"), dense("B"), dense("C")};
  if (has_D()) maps.D = dense("D");
  return maps;
}

template <class T>
Sequence DenseStructure<T>::output(ConstMatrixView<T> M, ConstMatrixView<T> XU, MatrixView<T> Y,
                                   bool batch_invariant) const {
  const index_t n = states();
  const ConstMatrixView<T> CD = M.row_range(n, outputs());
  return {Gemm<T>{.A = has_D() ? CD : CD.columns(0, n),
                  .B = has_D() ? XU : XU.row_range(0, n),
                  .C = Y,
                  .batch_invariant = batch_invariant}};
}

template <class T>
Sequence DenseStructure<T>::gradient(ConstMatrixView<T>, ConstMatrixView<T> VdY,
                                     ConstMatrixView<T> XU, MatrixView<T> dM, MatrixView<T>) const {
  Sequence sequence = {Gemm<T>{.A = VdY, .B = XU, .C = dM, .transpose_B = true}};
  append(sequence, this->clear_unused(dM));
  return sequence;
}

template <class T>
Sequence DenseStructure<T>::input_gradient(ConstMatrixView<T> M, VectorView<T>,
                                           ConstMatrixView<T> VdY, MatrixView<T> dU,
                                           bool batch_invariant) const {
  const index_t n = states();
  const ConstMatrixView<T> BD = M.columns(n, dU.rows);
  return {Gemm<T>{.A = has_D() ? BD : BD.row_range(0, n),
                  .B = has_D() ? VdY : VdY.row_range(0, n),
                  .C = dU,
                  .transpose_A = true,
                  .batch_invariant = batch_invariant}};
}

template <class T>
Projection<T> DenseStructure<T>::projection(const WellPosedness& constraint,
                                            MatrixView<T> M) const {
  return projection_of(constraint, this->layout().at("A").of(M));
}

template <class T>
std::optional<ParameterTensor> DenseStructure<T>::unused() const {
  if (has_D()) return std::nullopt;
  return ParameterTensor{"D", states(), states(), outputs(), input_rows()};
}

template std::shared_ptr<const Structure<float>> make_dense_structure(const ModelShape&,
                                                                      const ModelOptions&);
template std::shared_ptr<const Structure<double>> make_dense_structure(const ModelShape&,
                                                                       const ModelOptions&);
template std::shared_ptr<const Structure<float>> make_structure(Context&, const ModelShape&,
                                                                const ModelOptions&);
template std::shared_ptr<const Structure<double>> make_structure(Context&, const ModelShape&,
                                                                 const ModelOptions&);
template Projection<float> projection_of(const WellPosedness&, MatrixView<float>);
template Projection<double> projection_of(const WellPosedness&, MatrixView<double>);
template Projection<float> projection_of(const WellPosedness&, CsrView<float>);
template Projection<double> projection_of(const WellPosedness&, CsrView<double>);
template class DenseStructure<float>;
template class DenseStructure<double>;

}  // namespace idl
