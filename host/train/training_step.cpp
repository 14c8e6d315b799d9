// SPDX-License-Identifier: MIT
#include "host/train/training_step.hpp"

#include <cmath>
#include <iterator>
#include <numeric>
#include <utility>
#include <vector>

#include "host/backend_of.hpp"
#include "host/model/solve_warning.hpp"
#include "host/train/loss_steps.hpp"
#include "host/train/optimizer_program.hpp"
#include "host/transfer.hpp"

namespace idl {
namespace {

/// -1 is none.
void note_first(index_t& first, index_t column) {
  if (first < 0 || (column >= 0 && column < first)) first = column;
}

/// Adds a solve's outcome to the figures; one warning if some column did not converge.
template <class Outcome>
double count(const Outcome& outcome, const char* what, const Context& context,
             BatchFigures& figures) {
  warn_unless_converged(context, outcome.counts, what, "step", outcome.worst_step);
  const auto columns = [&](SolveStatus status) {
    return outcome.counts[static_cast<std::size_t>(status)];
  };
  const std::int64_t all =
      std::accumulate(std::begin(outcome.counts), std::end(outcome.counts), std::int64_t{0});
  figures.not_converged += all - columns(SolveStatus::converged);
  figures.diverged += columns(SolveStatus::diverged);
  note_first(figures.first_not_converged, outcome.first_not_converged);
  note_first(figures.first_diverged, outcome.first_diverged);
  return outcome.mean_iterations * static_cast<double>(figures.samples);
}

/// `outcomes`: the samples' losses, then, of `labelled` ones, whether each is right.
template <class T>
LossFigures add_up(const T* outcomes, index_t samples, bool labelled) {
  LossFigures figures;
  figures.samples = samples;
  for (index_t j = 0; j < samples; ++j) {
    figures.loss_sum += static_cast<double>(outcomes[j]);
    if (labelled) figures.correct += static_cast<double>(outcomes[samples + j]);
    if (std::isfinite(outcomes[j])) continue;
    ++figures.not_finite;
    note_first(figures.first_not_finite, j);
  }
  return figures;
}

/// A loss of the caller's, called in its place among the programs of a step.
template <class T>
class CustomLossCall final : public Program {
 public:
  CustomLossCall(Context& context, CustomLoss<T> loss, LossBatch<T> batch)
      : Program(Sequence()), context_(context), loss_(std::move(loss)), batch_(batch) {}
  void launch() override { loss_(context_, batch_); }

 private:
  Context& context_;
  CustomLoss<T> loss_;
  LossBatch<T> batch_;
};

}  // namespace

template <class T>
TrainingStep<T>::TrainingStep(Context& context, std::unique_ptr<TrainedPass<T>> pass, LossKind loss,
                              bool backward, bool labelled, CustomLoss<T> custom)
    : context_(&context),
      loss_(loss),
      backward_(backward),
      labelled_(labelled),
      custom_(std::move(custom)),
      pass_(std::move(pass)),
      no_gradient_(context, pass_->Y().rows, 0),
      labels_(context, labelled ? samples() : 0),
      outcomes_(context, labelled ? 2 * samples() : samples()) {
  const index_t q = pass_->Y().rows;
  // Empty ones too lie on the device, where a loss of the caller's looks at them.
  target_ = takes_targets() ? Matrix<T>(context, q, samples()) : Matrix<T>(context, 0, 0);
  if (labelled && (custom_ || loss == LossKind::squared_error))
    entropies_ = Vector<T>(context, samples());
  if (custom_ && !backward) unused_gradient_ = Matrix<T>(context, q, samples());
}

template <class T>
TrainingStep<T>::TrainingStep(Context& context, const ImplicitModel<T>& model, index_t samples,
                              LossKind loss, const SolverOptions& solver, bool backward,
                              bool labelled, CustomLoss<T> custom)
    : TrainingStep(context, make_trained_pass(context, model, samples, solver, backward), loss,
                   backward, labelled, std::move(custom)) {
  make_program();
}

template <class T>
TrainingStep<T>::TrainingStep(Context& context, ImplicitModel<T>& model, index_t samples,
                              LossKind loss, const SolverOptions& solver, Optimizer<T>& optimizer,
                              bool labelled, CustomLoss<T> custom)
    : TrainingStep(context, make_trained_pass(context, model, samples, solver, true), loss, true,
                   labelled, std::move(custom)) {
  make_program(OptimizerProgram<T>::steps(optimizer, model, dM()));
}

template <class T>
TrainingStep<T>::TrainingStep(Context& context, const ImplicitRnn<T>& model, SequenceBatch batch,
                              LossKind loss, const SolverOptions& solver, bool backward,
                              bool labelled, CustomLoss<T> custom)
    : TrainingStep(context, make_trained_pass(context, model, batch, solver, backward), loss,
                   backward, labelled, std::move(custom)) {
  make_program();
}

template <class T>
TrainingStep<T>::TrainingStep(Context& context, ImplicitRnn<T>& model, SequenceBatch batch,
                              LossKind loss, const SolverOptions& solver, Optimizer<T>& optimizer,
                              bool labelled, CustomLoss<T> custom)
    : TrainingStep(context, make_trained_pass(context, model, batch, solver, true), loss, true,
                   labelled, std::move(custom)) {
  make_program(OptimizerProgram<T>::steps(optimizer, model, dM(), pass_->d_head()));
}

/// @param update  what follows the gradients
template <class T>
void TrainingStep<T>::make_program(const Sequence& update) {
  Backend& backend = *backend_of(*context_);
  Programs all = parts();
  if (!update.empty()) all.push_back(backend.compile(update));
  program_ = backend.join(std::move(all));
}

/// From the batch to the losses and dM: a GPU is given all of it at once.
template <class T>
Programs TrainingStep<T>::parts() {
  Programs all = pass_->forward();
  append(all, loss_programs());
  if (backward_) append(all, pass_->backward());
  return all;
}

template <class T>
void TrainingStep<T>::take_labels(const std::int32_t* labels) {
  const auto bytes = static_cast<std::size_t>(labels_.size()) * sizeof(std::int32_t);
  backend_of(*context_)->upload_async({.destination = labels_.data(),
                                       .destination_pitch = bytes,
                                       .source = labels,
                                       .source_pitch = bytes,
                                       .width = bytes});
}

template <class T>
void TrainingStep<T>::launch(const HostBatch<T>& batch) {
  Backend& backend = *backend_of(*context_);
  backend.upload_async(transfer_of<T>(batch.U, U()));
  if (!batch.lengths.empty()) pass_->set_lengths(batch.lengths);
  if (labelled_) take_labels(batch.labels);
  if (takes_targets()) backend.upload_async(transfer_of<T>(batch.target, target_.view()));
  launch();
}

template <class T>
Programs TrainingStep<T>::loss_programs() {
  Programs programs;
  if (custom_) {
    const MatrixView<T> dY = backward_ ? pass_->dY() : unused_gradient_.view();
    programs.push_back(std::make_shared<CustomLossCall<T>>(
        *context_, custom_,
        LossBatch<T>{pass_->Y(), labels_.view(), target_.view(), dY, losses()}));
  }
  if (Sequence sequence = loss_sequence(); !sequence.empty())
    programs.push_back(backend_of(*context_)->compile(std::move(sequence)));
  return programs;
}

/// The library's own part of it: losses and dY unless the caller has them, and the count of what is
/// right.
template <class T>
Sequence TrainingStep<T>::loss_sequence() {
  const MatrixView<T> gradient = backward_ ? pass_->dY() : no_gradient_.view();
  if (!custom_ && loss_ == LossKind::softmax_cross_entropy)
    return {
        softmax_cross_entropy_step<T>(pass_->Y(), labels_.view(), gradient, losses(), correct())};
  Sequence sequence;
  if (!custom_)
    sequence.push_back(squared_error_step<T>(pass_->Y(), target_.view(), gradient, losses()));
  if (labelled_)
    sequence.push_back(softmax_cross_entropy_step<T>(
        pass_->Y(), labels_.view(), no_gradient_.view(), entropies_.view(), correct()));
  return sequence;
}

template <class T>
LossFigures TrainingStep<T>::wait_for_losses() {
  return add_up(download(*context_, outcomes_).data(), samples(), labelled_);
}

template <class T>
typename TrainingStep<T>::Pending TrainingStep<T>::fetch() {
  Pending pending;
  pending.samples_ = samples();
  pending.forward_ = pass_->fetch_forward_outcome();
  pending.labelled_ = labelled_;
  if (backward_) pending.backward_ = pass_->fetch_backward_outcome();
  pending.losses_ = backend_of(*context_)->read_back(
      outcomes_.data(), static_cast<std::size_t>(outcomes_.size()) * sizeof(T));
  return pending;
}

template <class T>
BatchFigures TrainingStep<T>::Pending::get(const Context& context) {
  BatchFigures figures{add_up(static_cast<const T*>(losses_->wait()), samples_, labelled_)};
  figures.forward_iterations = count(forward_(), "forward solve", context, figures);
  if (backward_) figures.adjoint_iterations = count(backward_(), "adjoint solve", context, figures);
  return figures;
}

template class TrainingStep<float>;
template class TrainingStep<double>;

}  // namespace idl
