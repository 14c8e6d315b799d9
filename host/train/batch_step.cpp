// SPDX-License-Identifier: MIT
#include "host/train/batch_step.hpp"

#include <cmath>
#include <sstream>
#include <utility>
#include <vector>

#include "host/backend_of.hpp"
#include "host/model/pass_parts.hpp"
#include "host/train/loss_steps.hpp"

namespace idl {
namespace {

/// -1 is none.
void note_first(index_t& first, index_t column) {
  if (first < 0 || (column >= 0 && column < first)) first = column;
}

/// Adds a solve's outcome to the figures; one warning if some column did not converge.
template <class Outcome>
double count(const Outcome& outcome, index_t samples, const char* what, const Context& context,
             BatchFigures& figures) {
  const auto columns = [&](SolveStatus status) {
    return outcome.counts[static_cast<std::size_t>(status)];
  };
  const std::int64_t bad = samples - columns(SolveStatus::converged);
  if (bad > 0) {
    std::ostringstream text;
    text << what << ": " << bad << " of " << samples << " columns did not converge ("
         << columns(SolveStatus::max_iterations) << " at max_iterations, "
         << columns(SolveStatus::stagnated) << " stagnated at rounding level, "
         << columns(SolveStatus::diverged) << " diverged); worst step " << outcome.worst_step;
    context.log(Severity::warning, text.str());
  }
  figures.not_converged += bad;
  figures.diverged += columns(SolveStatus::diverged);
  note_first(figures.first_not_converged, outcome.first_not_converged);
  note_first(figures.first_diverged, outcome.first_diverged);
  return outcome.mean_iterations * static_cast<double>(samples);
}

}  // namespace

template <class T>
BatchStep<T>::BatchStep(Context& context, const ImplicitModel<T>& model, index_t samples,
                        LossKind loss, const SolverOptions& solver, bool backward)
    : context_(&context),
      loss_(loss),
      backward_(backward),
      pass_(context, model, samples, {.solver = solver, .backward = backward}),
      no_gradient_(context, model.shape().outputs, 0),
      labels_(context, samples),
      outcomes_(context, 2 * samples) {
  if (loss == LossKind::squared_error) {
    target_ = Matrix<T>(context, model.shape().outputs, samples);
    entropies_ = Vector<T>(context, samples);
  }
  program_ = backend_of(context)->join(parts());
}

/// From the uploaded batch to the losses and dM: a GPU is given all of it at once.
template <class T>
std::vector<std::shared_ptr<Program>> BatchStep<T>::parts() {
  std::vector<std::shared_ptr<Program>> all = PassParts<T>::forward(pass_);
  all.push_back(backend_of(*context_)->compile(loss_sequence()));
  if (backward_)
    for (auto& part : PassParts<T>::backward(pass_)) all.push_back(std::move(part));
  return all;
}

template <class T>
void BatchStep<T>::follow_with(std::shared_ptr<Program> last) {
  std::vector<std::shared_ptr<Program>> all = parts();
  all.push_back(std::move(last));
  program_ = backend_of(*context_)->join(std::move(all));
}

template <class T>
void BatchStep<T>::launch(const HostBatch<T>& batch) {
  Backend& backend = *backend_of(*context_);
  const auto transfer = [&](MatrixView<T> to, const T* from) {
    const auto width = static_cast<std::size_t>(to.rows) * sizeof(T);
    backend.upload_async({.destination = to.data,
                          .destination_pitch = static_cast<std::size_t>(to.ld) * sizeof(T),
                          .source = from,
                          .source_pitch = width,
                          .width = width,
                          .height = static_cast<std::size_t>(to.cols)});
  };
  transfer(PassParts<T>::stacked_U(pass_), batch.U);
  const auto label_bytes = static_cast<std::size_t>(labels_.size()) * sizeof(std::int32_t);
  backend.upload_async({.destination = labels_.data(),
                        .destination_pitch = label_bytes,
                        .source = batch.labels,
                        .source_pitch = label_bytes,
                        .width = label_bytes});
  if (loss_ == LossKind::squared_error) transfer(target_.view(), batch.target);
  program_->launch();
}

template <class T>
Sequence BatchStep<T>::loss_sequence() {
  const MatrixView<T> gradient = backward_ ? PassParts<T>::stacked_dY(pass_) : no_gradient_.view();
  Sequence sequence;
  if (loss_ == LossKind::softmax_cross_entropy) {
    sequence = {
        softmax_cross_entropy_step<T>(pass_.Y(), labels_.view(), gradient, losses(), correct())};
  } else {
    sequence = {squared_error_step<T>(pass_.Y(), target_.view(), gradient, losses()),
                softmax_cross_entropy_step<T>(pass_.Y(), labels_.view(), no_gradient_.view(),
                                              entropies_.view(), correct())};
  }
  return sequence;
}

template <class T>
typename BatchStep<T>::Pending BatchStep<T>::fetch() {
  Pending pending;
  pending.samples_ = samples();
  pending.forward_ = pass_.fetch_forward_outcome();
  pending.has_backward_ = backward_;
  if (backward_) pending.backward_ = pass_.fetch_backward_outcome();
  pending.losses_ = backend_of(*context_)->read_back(
      outcomes_.data(), static_cast<std::size_t>(outcomes_.size()) * sizeof(T));
  return pending;
}

template <class T>
BatchFigures BatchStep<T>::Pending::get(const Context& context) {
  const T* losses = static_cast<const T*>(losses_->wait());
  const T* correct = losses + samples_;
  BatchFigures figures;
  figures.samples = samples_;
  for (index_t j = 0; j < samples_; ++j) {
    figures.loss_sum += static_cast<double>(losses[j]);
    figures.correct += static_cast<double>(correct[j]);
    if (std::isfinite(losses[j])) continue;
    ++figures.not_finite;
    note_first(figures.first_not_finite, j);
  }
  figures.forward_iterations = count(forward_.get(), samples_, "forward solve", context, figures);
  if (has_backward_)
    figures.adjoint_iterations =
        count(backward_.get(), samples_, "adjoint solve", context, figures);
  return figures;
}

template class BatchStep<float>;
template class BatchStep<double>;

}  // namespace idl
