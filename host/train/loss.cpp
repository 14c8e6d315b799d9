// SPDX-License-Identifier: MIT
#include "idl/loss.hpp"

#include <utility>
#include <vector>

#include "host/backend_of.hpp"
#include "host/train/loss_steps.hpp"
#include "idl/error.hpp"
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

template <class T>
CustomLoss<T> on_host(std::function<void(const LossBatch<T>&)> loss) {
  IDL_CHECK(loss != nullptr, "on_host: the loss is an empty function");
  return [loss = std::move(loss)](Context& context, const LossBatch<T>& batch) {
    if (batch.Y.device.kind == DeviceKind::cpu) return loss(batch);
    const std::vector<T> Y = download(context, batch.Y);
    const std::vector<std::int32_t> labels = download(context, batch.labels);
    const std::vector<T> targets = download(context, batch.targets);
    std::vector<T> dY(Y.size());
    std::vector<T> losses(static_cast<std::size_t>(batch.losses.size));
    const Device host = Device::cpu();
    const index_t q = batch.Y.rows;
    const index_t m = batch.Y.cols;
    loss({.Y = {Y.data(), q, m, q, host},
          .labels = {labels.data(), batch.labels.size, host},
          .targets = {targets.data(), batch.targets.rows, batch.targets.cols, batch.targets.rows,
                      host},
          .dY = {dY.data(), q, m, q, host},
          .losses = {losses.data(), m, host}});
    upload<T>(context, dY, batch.dY);
    upload<T>(context, losses, batch.losses);
  };
}

template CustomLoss<float> on_host(std::function<void(const LossBatch<float>&)>);
template CustomLoss<double> on_host(std::function<void(const LossBatch<double>&)>);
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
