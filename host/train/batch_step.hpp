// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "host/train/prefetcher.hpp"
#include "idl/batch_pass.hpp"
#include "idl/loss.hpp"
#include "kernels/backend.hpp"

namespace idl {

/// What one batch gave, on the host.
struct BatchFigures {
  double loss_sum = 0;  ///< of the samples' losses
  double correct = 0;   ///< samples whose largest output is the label
  index_t samples = 0;
  double forward_iterations = 0;  ///< sum over the samples
  double adjoint_iterations = 0;
  std::int64_t not_converged = 0;    ///< columns of either solve
  std::int64_t diverged = 0;         ///< columns of either solve
  std::int64_t not_finite = 0;       ///< samples whose loss is not finite
  index_t first_not_converged = -1;  ///< the lowest of these columns; -1: none
  index_t first_diverged = -1;
  index_t first_not_finite = -1;
};

/// Forward pass, loss and backward pass of batches of one size, without waiting.
template <class T>
class BatchStep {
 public:
  BatchStep(Context& context, const ImplicitModel<T>& model, index_t samples, LossKind loss,
            const SolverOptions& solver, bool backward);

  index_t samples() const { return pass_.samples(); }
  ConstMatrixView<T> dM() const { return pass_.dM(); }

  /// What launch() does with an uploaded batch, for inspection.
  const Sequence& sequence() const { return program_->sequence(); }

  /// From now on launch() does `last` behind all else.
  void follow_with(std::shared_ptr<Program> last);

  /// Uploads the batch and enqueues everything up to dM. The batch must stay unchanged until
  /// figures asked for later were got.
  void launch(const HostBatch<T>& batch);

  /// The figures of the last launch, on their way.
  class Pending {
   public:
    /// Whether figures are on their way.
    explicit operator bool() const { return losses_ != nullptr; }
    /// Waits. Logs one warning per solve in which some column did not converge.
    BatchFigures get(const Context& context);

   private:
    friend class BatchStep<T>;
    index_t samples_ = 0;
    std::unique_ptr<ReadBack> losses_;
    typename BatchPass<T>::Pending forward_;
    typename BatchPass<T>::Pending backward_;
    bool has_backward_ = false;
  };
  Pending fetch();

 private:
  Sequence loss_sequence();
  VectorView<T> losses() { return outcomes_.view().range(0, samples()); }
  VectorView<T> correct() { return outcomes_.view().range(samples(), samples()); }
  std::vector<std::shared_ptr<Program>> parts();

  Context* context_;
  LossKind loss_;
  bool backward_;
  BatchPass<T> pass_;
  Matrix<T> target_;
  Matrix<T> no_gradient_;
  Vector<std::int32_t> labels_;
  Vector<T> outcomes_;   ///< the samples' losses, then whether each is right: one copy fetches both
  Vector<T> entropies_;  ///< where the loss is another one: a by-product of counting
  std::unique_ptr<Program> program_;
};

extern template class BatchStep<float>;
extern template class BatchStep<double>;

}  // namespace idl
