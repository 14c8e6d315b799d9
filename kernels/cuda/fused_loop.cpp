// SPDX-License-Identifier: MIT
#include "kernels/cuda/fused_loop.hpp"

namespace idl::cuda {
namespace {

template <class View, class Other>
bool same_matrix(const View& a, const Other& b) {
  return a.data == b.data && a.ld == b.ld && a.rows == b.rows && a.cols == b.cols;
}

/// Whether the product takes the state to the update, and nothing else to nowhere else.
template <class T>
bool product_fits(const Gemm<T>& product, const MatrixView<T>& state,
                  const ConstMatrixView<T>& result) {
  return product.A.rows == product.A.cols && product.A.rows <= k_most_fused_rows<T> &&
         product.A.rows > 0 && !product.transpose_B && product.alpha == T(1) &&
         product.beta == T(0) && same_matrix(product.B, state) && same_matrix(product.C, result);
}

/// Whether the decision is about the columns that the update has measured.
template <class T, class Update>
bool decision_fits(const UpdateStatus<T>& decision, const Update& update,
                   VectorView<const std::int32_t> active) {
  return decision.step_norms.data == update.step_norms.data &&
         decision.state_norms.data == update.state_norms.data &&
         decision.columns.status.data == update.status.data &&
         decision.columns.active.data == active.data;
}

template <class T>
std::optional<PicardLoop<T>> picard_loop(const Sequence& steps,
                                         VectorView<const std::int32_t> active) {
  const auto* product = std::get_if<Gemm<T>>(&steps[0]);
  const auto* update = std::get_if<PicardUpdate<T>>(&steps[1]);
  const auto* decision = std::get_if<UpdateStatus<T>>(&steps[2]);
  if (product == nullptr || update == nullptr || decision == nullptr) return std::nullopt;
  if (product->transpose_A || !product_fits<T>(*product, update->X, update->S) ||
      !decision_fits(*decision, *update, active))
    return std::nullopt;
  return PicardLoop<T>{*product, *update, *decision};
}

template <class T>
std::optional<AdjointLoop<T>> adjoint_loop(const Sequence& steps,
                                           VectorView<const std::int32_t> active) {
  const auto* product = std::get_if<Gemm<T>>(&steps[0]);
  const auto* update = std::get_if<AdjointUpdate<T>>(&steps[1]);
  const auto* decision = std::get_if<UpdateStatus<T>>(&steps[2]);
  if (product == nullptr || update == nullptr || decision == nullptr) return std::nullopt;
  if (!product->transpose_A || !product_fits<T>(*product, update->V, update->W) ||
      !decision_fits(*decision, *update, active))
    return std::nullopt;
  return AdjointLoop<T>{*product, *update, *decision};
}

}  // namespace

std::optional<FusedLoop> FusedLoop::match(const Sequence& sequence,
                                          VectorView<const std::int32_t> active) {
  if (sequence.size() != 3) return std::nullopt;
  if (const auto loop = picard_loop<float>(sequence, active)) return FusedLoop(*loop);
  if (const auto loop = picard_loop<double>(sequence, active)) return FusedLoop(*loop);
  if (const auto loop = adjoint_loop<float>(sequence, active)) return FusedLoop(*loop);
  if (const auto loop = adjoint_loop<double>(sequence, active)) return FusedLoop(*loop);
  return std::nullopt;
}

void FusedLoop::launch(std::int32_t max_iterations, int multiprocessors,
                       CUstream_st* stream) const {
  std::visit([&](const auto& loop) { run_fused(loop, max_iterations, multiprocessors, stream); },
             loop_);
}

}  // namespace idl::cuda
