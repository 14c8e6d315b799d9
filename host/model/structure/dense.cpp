// SPDX-License-Identifier: MIT
#include "host/model/structure/dense.hpp"

#include <cmath>
#include <numeric>

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

template <class T>
ParameterLayout DenseStructure<T>::layout(const ModelShape& shape, bool bias, bool no_D) const {
  const index_t n = shape.states;
  const index_t q = shape.outputs;
  const index_t p = shape.inputs + (bias ? 1 : 0);
  ParameterLayout layout = {
      n + q, n + p, {{"A", 0, 0, n, n}, {"B", 0, n, n, p}, {"C", n, 0, q, n}}};
  if (!no_D) layout.tensors.push_back({"D", n, n, q, p});
  return layout;
}

template <class T>
LinearMap<T> DenseStructure<T>::map(ConstMatrixView<T> M, const ParameterLayout& layout) const {
  return DenseMap<T>{layout.at("A").of(M)};
}

template <class T>
Sequence DenseStructure<T>::initial_values(MatrixView<T> M, const ParameterLayout& layout,
                                           std::uint64_t seed) const {
  const auto n = static_cast<double>(layout.at("A").rows);
  return {FillRandom<T>{.A = M, .seed = seed, .scale = 1.0 / n}};
}

template <class T>
Sequence DenseStructure<T>::gradient(ConstMatrixView<T> VdY, ConstMatrixView<T> XU,
                                     MatrixView<T> dM, const ParameterLayout&) const {
  return {Gemm<T>{.A = VdY, .B = XU, .C = dM, .transpose_B = true}};
}

template <class T>
Projection<T> DenseStructure<T>::projection(const WellPosedness& constraint, MatrixView<T> M,
                                            const ParameterLayout& layout) const {
  if (constraint.kind != WellPosednessKind::inf_norm_ball) return {};
  check_number("kappa", constraint.kappa, ranges::k_kappa);
  return ProjectRowsL1<T>{.A = layout.at("A").of(M), .radius = rounded_down<T>(constraint.kappa)};
}

template <class T>
double DenseStructure<T>::row_distance(const WellPosedness& constraint, index_t,
                                       std::span<const double> magnitudes) const {
  if (constraint.kind != WellPosednessKind::inf_norm_ball) return 0.0;
  return std::accumulate(magnitudes.begin(), magnitudes.end(), 0.0) - constraint.kappa;
}

template <class T>
const Structure<T>& dense_structure() {
  static const DenseStructure<T> structure;
  return structure;
}

template class DenseStructure<float>;
template class DenseStructure<double>;
template const Structure<float>& dense_structure<float>();
template const Structure<double>& dense_structure<double>();

}  // namespace idl
