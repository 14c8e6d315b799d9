// SPDX-License-Identifier: MIT
#include <algorithm>
#include <numeric>
#include <optional>
#include <string>

#include "host/options/validate.hpp"
#include "host/train/check_training.hpp"
#include "host/train/score.hpp"
#include "host/train/training_step.hpp"
#include "idl/error.hpp"
#include "idl/trainer.hpp"

namespace idl {
namespace {

/// Of a model of either kind, by `custom`, or where that is empty by `loss`.
template <template <class> class Model, class T>
Evaluation evaluate_by(Context& context, const Model<T>& model, const Dataset& data, LossKind loss,
                       const CustomLoss<T>& custom, index_t batch_size,
                       const SolverOptions& solver) {
  check_number("evaluate: batch_size", batch_size, ranges::k_positive_count);
  validate(solver);
  check_data("evaluate: the data", data, model, custom ? std::nullopt : std::optional(loss));
  Evaluation evaluation;
  evaluation.samples = data.size();
  if (data.size() == 0) return evaluation;

  const index_t size = std::min(batch_size, data.size());
  Prefetcher<T> prefetcher(context, data, size,
                           custom ? data.has_targets() : loss == LossKind::squared_error);
  std::vector<std::int32_t> order(static_cast<std::size_t>(data.size()));
  std::iota(order.begin(), order.end(), 0);
  prefetcher.start(std::move(order), 0);

  double loss_sum = 0.0;
  double correct = 0.0;
  double iterations = 0.0;
  std::optional<TrainingStep<T>> step;
  typename TrainingStep<T>::Pending pending;
  index_t pending_first = 0;
  // Figures are got one batch late, so that the device never waits for the host.
  const auto collect = [&] {
    if (!pending) return;
    const BatchFigures figures = pending.get(context);
    prefetcher.release();
    pending = {};
    loss_sum += figures.loss_sum;
    correct += figures.correct;
    iterations += figures.forward_iterations;
    evaluation.not_converged += figures.not_converged;
    evaluation.not_finite += figures.not_finite;
    const auto note_first = [&](index_t& first, index_t column) {
      if (first < 0 && column >= 0) first = pending_first + column;
    };
    note_first(evaluation.first_not_converged, figures.first_not_converged);
    note_first(evaluation.first_not_finite, figures.first_not_finite);
  };
  for (index_t first = 0; first < data.size(); first += size) {
    const HostBatch<T>& batch = prefetcher.next();
    if (!step || step->samples() != batch.samples) {
      collect();
      step.reset();
      step.emplace(context, model, batch_of(model, batch.samples, data.features()), loss, solver,
                   false, !data.has_targets(), custom);
    }
    step->launch(batch);
    auto next = step->fetch();
    collect();
    pending = std::move(next);
    pending_first = first;
  }
  collect();
  const auto samples = static_cast<double>(data.size());
  evaluation.loss = loss_sum / samples;
  evaluation.accuracy = correct / samples;
  if (!custom) evaluation.regression = score_of(data, data.target_variance(), evaluation.loss);
  evaluation.mean_iterations = iterations / samples;
  return evaluation;
}

}  // namespace

template <class T>
Evaluation evaluate(Context& context, const ImplicitModel<T>& model, const Dataset& data,
                    LossKind loss, index_t batch_size, const SolverOptions& solver) {
  return evaluate_by<ImplicitModel, T>(context, model, data, loss, {}, batch_size, solver);
}
template <class T>
Evaluation evaluate(Context& context, const ImplicitRnn<T>& model, const Dataset& data,
                    LossKind loss, index_t batch_size, const SolverOptions& solver) {
  return evaluate_by<ImplicitRnn, T>(context, model, data, loss, {}, batch_size, solver);
}

template <class T>
Evaluation evaluate(Context& context, const ImplicitModel<T>& model, const Dataset& data,
                    const std::type_identity_t<CustomLoss<T>>& loss, index_t batch_size,
                    const SolverOptions& solver) {
  IDL_CHECK(loss != nullptr, "evaluate: the loss is an empty function");
  return evaluate_by(context, model, data, {}, loss, batch_size, solver);
}
template <class T>
Evaluation evaluate(Context& context, const ImplicitRnn<T>& model, const Dataset& data,
                    const std::type_identity_t<CustomLoss<T>>& loss, index_t batch_size,
                    const SolverOptions& solver) {
  IDL_CHECK(loss != nullptr, "evaluate: the loss is an empty function");
  return evaluate_by(context, model, data, {}, loss, batch_size, solver);
}

template Evaluation evaluate(Context&, const ImplicitModel<float>&, const Dataset&,
                             const CustomLoss<float>&, index_t, const SolverOptions&);
template Evaluation evaluate(Context&, const ImplicitModel<double>&, const Dataset&,
                             const CustomLoss<double>&, index_t, const SolverOptions&);
template Evaluation evaluate(Context&, const ImplicitRnn<float>&, const Dataset&,
                             const CustomLoss<float>&, index_t, const SolverOptions&);
template Evaluation evaluate(Context&, const ImplicitRnn<double>&, const Dataset&,
                             const CustomLoss<double>&, index_t, const SolverOptions&);
template Evaluation evaluate(Context&, const ImplicitModel<float>&, const Dataset&, LossKind,
                             index_t, const SolverOptions&);
template Evaluation evaluate(Context&, const ImplicitModel<double>&, const Dataset&, LossKind,
                             index_t, const SolverOptions&);
template Evaluation evaluate(Context&, const ImplicitRnn<float>&, const Dataset&, LossKind, index_t,
                             const SolverOptions&);
template Evaluation evaluate(Context&, const ImplicitRnn<double>&, const Dataset&, LossKind,
                             index_t, const SolverOptions&);

}  // namespace idl
