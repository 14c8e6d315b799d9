// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <type_traits>

#include "idl/context.hpp"
#include "idl/export.hpp"
#include "idl/matrix.hpp"

namespace idl {

/// What training makes small.
enum class LossKind : std::uint8_t {
  softmax_cross_entropy,  ///< mean over samples of log Σ_i exp(Y_i) − Y_label
  squared_error           ///< mean over all entries of (Y − target)², PyTorch's MSELoss
};

/// "softmax_cross_entropy", "squared_error".
IDL_EXPORT std::string_view to_string(LossKind kind);
/// @throws InvalidArgument with the list of names.
IDL_EXPORT LossKind parse_loss(std::string_view name);

/// Mean softmax cross-entropy of Y (q×m) for integer labels in [0, q).
/// losses: m entries, one per sample. dY (q×m): gradient of the mean, that is (softmax(Y) −
/// onehot)/m. correct (size m or 0): 1 where the largest output is finite and that of the label, so
/// that a sample with NaN or +inf among its outputs counts as wrong. Asynchronous.
template <class T>
IDL_EXPORT void softmax_cross_entropy(Context& context, ConstMatrixView<T> Y,
                                      VectorView<const std::int32_t> labels,
                                      std::type_identity_t<MatrixView<T>> dY,
                                      std::type_identity_t<VectorView<T>> losses,
                                      std::type_identity_t<VectorView<T>> correct);
/// The same for a whole matrix Y.
template <class T>
void softmax_cross_entropy(Context& context, const Matrix<T>& Y,
                           VectorView<const std::int32_t> labels,
                           std::type_identity_t<MatrixView<T>> dY,
                           std::type_identity_t<VectorView<T>> losses,
                           std::type_identity_t<VectorView<T>> correct) {
  softmax_cross_entropy<T>(context, Y.view(), labels, dY, losses, correct);
}

/// Mean squared error: losses_j = (1/q) Σ_i (Y_ij − target_ij)², dY = 2(Y − target)/(qm).
template <class T>
IDL_EXPORT void squared_error(Context& context, ConstMatrixView<T> Y,
                              std::type_identity_t<ConstMatrixView<T>> target,
                              std::type_identity_t<MatrixView<T>> dY,
                              std::type_identity_t<VectorView<T>> losses);
/// The same for a whole matrix Y.
template <class T>
void squared_error(Context& context, const Matrix<T>& Y,
                   std::type_identity_t<ConstMatrixView<T>> target,
                   std::type_identity_t<MatrixView<T>> dY,
                   std::type_identity_t<VectorView<T>> losses) {
  squared_error<T>(context, Y.view(), target, dY, losses);
}

/// One batch for a loss of the caller's own: m samples, a column each. All of it lies on one
/// device.
template <class T>
struct LossBatch {
  ConstMatrixView<T> Y;                   ///< q×m, the model's outputs
  VectorView<const std::int32_t> labels;  ///< m, in [0, q); none where the data have targets
  ConstMatrixView<T> targets;             ///< q×m; 0×0 where the data have labels
  /// q×m, to be filled with the gradient of the mean loss: (1/m)·∂losses_j/∂Y_ij. An evaluation
  /// does not look at it.
  MatrixView<T> dY;
  VectorView<T> losses;  ///< m, to be filled with the loss of each sample
};

/// Fills dY and losses of a batch on the model's device, in order with the context's work: on a GPU
/// by kernels on context.stream(), on the CPU by loops over the views, whose ld may exceed their
/// rows. Called once a step, on the thread that trains; what it throws comes out of fit() and
/// evaluate().
template <class T>
using CustomLoss = std::function<void(Context& context, const LossBatch<T>& batch)>;

/// A loss that is computed on the host wherever the model is: on a GPU every step then waits for
/// the outputs, which are copied to the host, and copies dY and losses back.
/// @throws InvalidArgument (an empty function)
template <class T>
IDL_EXPORT CustomLoss<T> on_host(std::function<void(const LossBatch<T>& batch)> loss);

}  // namespace idl
