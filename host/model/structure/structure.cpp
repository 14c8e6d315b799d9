// SPDX-License-Identifier: MIT
#include "host/model/structure/structure.hpp"

#include <utility>

namespace idl {

template <class T>
Sequence Structure<T>::random_parameters(MatrixView<T> M, std::uint64_t seed) const {
  return {FillRandom<T>{.A = M, .seed = seed, .scale = 1.0 / static_cast<double>(rows(maps(M).A))}};
}

template <class T>
Sequence Structure<T>::output(ConstMatrixView<T> M, ConstMatrixView<T> XU, MatrixView<T> Y,
                              bool batch_invariant) const {
  const ModelMaps<T> of = maps(M);
  const index_t n = cols(of.C);
  Sequence sequence =
      product_steps<T>(of.C, XU.row_range(0, n), Y, {.batch_invariant = batch_invariant});
  if (of.D)
    append(sequence, product_steps<T>(*of.D, XU.row_range(n, cols(*of.D)), Y,
                                      {.accumulate = true, .batch_invariant = batch_invariant}));
  return sequence;
}

template <class T>
Sequence Structure<T>::input_gradient(ConstMatrixView<T> M, VectorView<T> transposes,
                                      ConstMatrixView<T> VdY, MatrixView<T> dU,
                                      bool batch_invariant) const {
  const ModelMaps<T> of = maps(M, transposes);
  const index_t n = rows(of.B);
  // Without the bias, the last column of B and of D.
  const auto of_inputs = [&](const LinearMap<T>& map) {
    return rows_of(map, 0, dU.rows, /*transpose=*/true);
  };
  Sequence sequence = product_steps<T>(of_inputs(of.B), VdY.row_range(0, n), dU,
                                       {.transpose = true, .batch_invariant = batch_invariant});
  if (of.D)
    append(sequence,
           product_steps<T>(
               of_inputs(*of.D), VdY.row_range(n, rows(*of.D)), dU,
               {.transpose = true, .accumulate = true, .batch_invariant = batch_invariant}));
  return sequence;
}

template <class T>
ImplicitModel<T> detail::Inside<ImplicitModel<T>>::make(
    Matrix<T> memory, std::shared_ptr<const Structure<T>> structure, const ModelShape& shape,
    const ModelOptions& options) {
  ImplicitModel<T> model;
  model.shape_ = shape;
  model.options_ = options;
  model.memory_ = std::move(memory);
  model.M_ = model.memory_.view();
  model.inside_ = std::make_shared<const Inside>(Inside{std::move(structure)});
  return model;
}

template class Structure<float>;
template class Structure<double>;
template ImplicitModel<float> detail::Inside<ImplicitModel<float>>::make(
    Matrix<float>, std::shared_ptr<const Structure<float>>, const ModelShape&, const ModelOptions&);
template ImplicitModel<double> detail::Inside<ImplicitModel<double>>::make(
    Matrix<double>, std::shared_ptr<const Structure<double>>, const ModelShape&,
    const ModelOptions&);

}  // namespace idl
