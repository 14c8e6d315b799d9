// SPDX-License-Identifier: MIT
#include "host/model/structure/low_rank.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace idl {
namespace {

Vector<std::int64_t> column_offsets(Context& context, index_t rows, index_t cols) {
  std::vector<std::int64_t> offsets;
  offsets.reserve(static_cast<std::size_t>(cols) + 1);
  for (index_t k = 0; k <= cols; ++k) offsets.push_back(k * rows);
  return Vector<std::int64_t>::from_host(context, offsets);
}

}  // namespace

WellPosedness of_factors(const WellPosedness& constraint) {
  WellPosedness result = constraint;
  result.kappa = std::sqrt(constraint.kappa);
  if (std::fma(result.kappa, result.kappa, -constraint.kappa) > 0.0)
    result.kappa = std::nextafter(result.kappa, 0.0);
  return result;
}

template <class T>
LowRankStructure<T>::LowRankStructure(Context& context, std::vector<TensorStorage> tensors)
    : CsrStructure<T>(std::move(tensors)),
      columns_of_R_(
          column_offsets(context, this->layout().at("R").rows, this->layout().at("R").cols)) {}

template <class T>
Sequence LowRankStructure<T>::random_parameters(MatrixView<T> M, std::uint64_t seed) const {
  Sequence sequence = CsrStructure<T>::random_parameters(M, seed);
  // L comes first in M: the same numbers on another scale, so that its rows, as those of Rᵀ, have
  // sums of the size of their budget.
  const MatrixView<T> L = this->layout().at("L").of(M);
  const auto rank = static_cast<double>(std::max<index_t>(L.cols, 1));
  sequence.push_back(FillRandom<T>{.A = L, .seed = seed, .scale = 1.0 / rank});
  return sequence;
}

template <class T>
LinearMap<T> LowRankStructure<T>::state_map(ConstMatrixView<T> M, VectorView<T>) const {
  return LowRankMap<T>{.L = this->layout().at("L").of(M), .R = this->layout().at("R").of(M)};
}

template <class T>
Sequence LowRankStructure<T>::gradient(ConstMatrixView<T> M, ConstMatrixView<T> VdY,
                                       ConstMatrixView<T> XU, MatrixView<T> dM,
                                       MatrixView<T> inner) const {
  const ParameterTensor& L = this->layout().at("L");
  const ParameterTensor& R = this->layout().at("R");
  const ConstMatrixView<T> V = VdY.row_range(0, L.rows);
  const ConstMatrixView<T> X = XU.row_range(0, R.rows);
  Sequence sequence = this->gradient_from(1, VdY, XU, dM);
  append(sequence, {Gemm<T>{.A = R.of(M), .B = X, .C = inner, .transpose_A = true},
                    Gemm<T>{.A = V, .B = inner, .C = L.of(dM), .transpose_B = true},
                    Gemm<T>{.A = L.of(M), .B = V, .C = inner, .transpose_A = true},
                    Gemm<T>{.A = X, .B = inner, .C = R.of(dM), .transpose_B = true}});
  return sequence;
}

template <class T>
Projection<T> LowRankStructure<T>::projection(const WellPosedness& constraint,
                                              MatrixView<T> M) const {
  const MatrixView<T> R = this->layout().at("R").of(M);
  return projection_of(of_factors(constraint), CsrView<T>{.row_offsets = columns_of_R_.data(),
                                                          .values = R.data,
                                                          .rows = R.cols,
                                                          .cols = R.rows,
                                                          .capacity = R.rows * R.cols,
                                                          .device = R.device});
}

template <class T>
Projection<T> LowRankStructure<T>::projection_of_L(const WellPosedness& constraint,
                                                   MatrixView<T> M) const {
  return projection_of(of_factors(constraint), this->layout().at("L").of(M));
}

template class LowRankStructure<float>;
template class LowRankStructure<double>;

}  // namespace idl
