// SPDX-License-Identifier: MIT
#include "idl/loss.hpp"

#include "host/backend_of.hpp"
#include "host/train/loss_steps.hpp"
#include "kernels/backend.hpp"

namespace idl {

template <class T>
void softmax_cross_entropy(Context& context, ConstMatrixView<T> Y,
                           VectorView<const std::int32_t> labels,
                           std::type_identity_t<MatrixView<T>> dY,
                           std::type_identity_t<VectorView<T>> losses,
                           std::type_identity_t<VectorView<T>> correct) {
  backend_of(context)->run(softmax_cross_entropy_step<T>(Y, labels, dY, losses, correct));
}

template <class T>
void squared_error(Context& context, ConstMatrixView<T> Y,
                   std::type_identity_t<ConstMatrixView<T>> target,
                   std::type_identity_t<MatrixView<T>> dY,
                   std::type_identity_t<VectorView<T>> losses) {
  backend_of(context)->run(squared_error_step<T>(Y, target, dY, losses));
}

template void softmax_cross_entropy(Context&, ConstMatrixView<float>,
                                    VectorView<const std::int32_t>, MatrixView<float>,
                                    VectorView<float>, VectorView<float>);
template void softmax_cross_entropy(Context&, ConstMatrixView<double>,
                                    VectorView<const std::int32_t>, MatrixView<double>,
                                    VectorView<double>, VectorView<double>);
template void squared_error(Context&, ConstMatrixView<float>, ConstMatrixView<float>,
                            MatrixView<float>, VectorView<float>);
template void squared_error(Context&, ConstMatrixView<double>, ConstMatrixView<double>,
                            MatrixView<double>, VectorView<double>);

}  // namespace idl
