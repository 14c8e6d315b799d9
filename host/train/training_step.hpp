// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "host/train/prefetcher.hpp"
#include "host/train/trained_pass.hpp"
#include "idl/loss.hpp"
#include "idl/optimizer.hpp"
#include "kernels/backend.hpp"

namespace idl {

/// What the losses of one batch tell, on the host.
struct LossFigures {
  double loss_sum = 0;  ///< of the samples' losses
  double correct = 0;   ///< samples whose largest output is the label
  index_t samples = 0;
  std::int64_t not_finite = 0;    ///< samples whose loss is not finite
  index_t first_not_finite = -1;  ///< the lowest of these columns; -1: none
};

/// What one batch gave, on the host.
struct BatchFigures : LossFigures {
  double forward_iterations = 0;  ///< sum over the samples
  double adjoint_iterations = 0;
  std::int64_t not_converged = 0;    ///< columns of either solve
  std::int64_t diverged = 0;         ///< columns of either solve
  index_t first_not_converged = -1;  ///< the lowest of these columns; -1: none
  index_t first_diverged = -1;
};

/// Forward pass, loss, backward pass and update of the parameters for batches of one size, as one
/// program and without waiting. The caller fills U and the labels on the device, or gives a batch
/// of the host's, which may have the target of the squared error too.
template <class T>
class TrainingStep {
 public:
  /// A whole step. Each launch needs optimizer.prepare_step() before.
  /// @param labelled  whether samples have labels, which are counted; else the loss is the squared
  ///                  error or `custom`, and batches have targets
  /// @param custom    the caller's loss in the place of `loss`; none where it is empty
  TrainingStep(Context& context, ImplicitModel<T>& model, index_t samples, LossKind loss,
               const SolverOptions& solver, Optimizer<T>& optimizer, bool labelled = true,
               CustomLoss<T> custom = {});
  /// Ends with dM (`backward`) or with the losses; the parameters stay what they are.
  TrainingStep(Context& context, const ImplicitModel<T>& model, index_t samples, LossKind loss,
               const SolverOptions& solver, bool backward, bool labelled = true,
               CustomLoss<T> custom = {});

  /// The same of a recurrent model.
  TrainingStep(Context& context, ImplicitRnn<T>& model, SequenceBatch batch, LossKind loss,
               const SolverOptions& solver, Optimizer<T>& optimizer, bool labelled = true,
               CustomLoss<T> custom = {});
  TrainingStep(Context& context, const ImplicitRnn<T>& model, SequenceBatch batch, LossKind loss,
               const SolverOptions& solver, bool backward, bool labelled = true,
               CustomLoss<T> custom = {});

  index_t samples() const { return pass_->samples(); }
  MatrixView<T> U() { return pass_->U(); }           ///< one sample a column, not contiguous
  MatrixView<T> target() { return target_.view(); }  ///< q×m; 0×0 where the loss takes none
  VectorView<std::int32_t> labels() { return labels_.view(); }  ///< in [0, q)
  /// labels() <- as many from the device's memory, or from pinned memory of the host's, in order
  /// with the work before and after.
  void take_labels(const std::int32_t* labels);
  ConstMatrixView<T> dM() const { return pass_->dM(); }

  /// What launch() does, for inspection.
  const Sequence& sequence() const { return program_->sequence(); }

  /// Enqueues the step for what lies in U and the labels.
  void launch() { program_->launch(); }
  /// The same for a batch, which is uploaded first. It must stay unchanged until figures asked for
  /// later were got.
  void launch(const HostBatch<T>& batch);

  /// The figures of the losses of the last launch. Waits.
  LossFigures wait_for_losses();

  /// The figures of the last launch, on their way.
  class Pending {
   public:
    /// Whether figures are on their way.
    explicit operator bool() const { return losses_ != nullptr; }
    /// Waits. Logs one warning per solve in which some column did not converge.
    BatchFigures get(const Context& context);

   private:
    friend class TrainingStep<T>;
    index_t samples_ = 0;
    std::unique_ptr<ReadBack> losses_;
    std::function<typename TrainedPass<T>::Outcome()> forward_;
    std::function<typename TrainedPass<T>::Outcome()> backward_;  ///< none without backward pass
    bool labelled_ = true;
  };
  Pending fetch();

 private:
  /// The program is made by the public constructors.
  TrainingStep(Context& context, std::unique_ptr<TrainedPass<T>> pass, LossKind loss, bool backward,
               bool labelled, CustomLoss<T> custom);
  void make_program(const Sequence& update = {});
  bool takes_targets() const { return custom_ ? !labelled_ : loss_ == LossKind::squared_error; }
  Programs loss_programs();
  Sequence loss_sequence();
  VectorView<T> losses() { return outcomes_.view().range(0, samples()); }
  VectorView<T> correct() { return outcomes_.view().range(samples(), samples()); }
  Programs parts();

  Context* context_;
  LossKind loss_;
  bool backward_;
  bool labelled_;
  CustomLoss<T> custom_;
  std::unique_ptr<TrainedPass<T>> pass_;
  Matrix<T> target_;
  Matrix<T> no_gradient_;
  Matrix<T> unused_gradient_;  ///< that a custom loss fills where there is no backward pass
  Vector<std::int32_t> labels_;
  Vector<T> outcomes_;   ///< the samples' losses, then whether each is right: one copy fetches both
  Vector<T> entropies_;  ///< where the loss is another one: a by-product of counting
  std::unique_ptr<Program> program_;
};

extern template class TrainingStep<float>;
extern template class TrainingStep<double>;

}  // namespace idl
