// SPDX-License-Identifier: MIT
#include "idl/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "host/sparsify/prune.hpp"
#include "host/train/optimizer_program.hpp"
#include "host/train/trainer_state.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t k_steps_per_metrics_line = 50;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

template <class T>
template <class Model>
TrainingStep<T>& Trainer<T>::StateOf<Model>::step_for(index_t samples) {
  std::optional<TrainingStep<T>>& step = samples == batch_size_ ? whole_step_ : last_step_;
  if (!step)
    step.emplace(context_, model_, batch_of(model_, samples, train_.features()), options_.loss,
                 options_.solver, optimizer_, !train_.has_targets(), custom_loss_);
  return *step;
}

const auto& cell_of(const auto& model) {
  if constexpr (requires { model.cell(); })
    return model.cell();
  else
    return model;
}

/// Steps are made anew where the model has other memory or another ball than they were made for: it
/// may have been assigned to, resumed or pruned by others, or given another κ.
/// @throws InvalidArgument where it has other parameters
template <class T>
template <class Model>
void Trainer<T>::StateOf<Model>::follow_model() {
  const ConstMatrixView<T> M = cell_of(std::as_const(model_)).M();
  const WellPosedness& ball = cell_of(std::as_const(model_)).options().well_posedness;
  const bool same_memory = M.data == steps_of_.data && M.rows == steps_of_.rows &&
                           M.cols == steps_of_.cols && M.ld == steps_of_.ld;
  if (same_memory && ball == steps_keep_) return;
  collect();
  IDL_CHECK(steps_of_.data == nullptr || (M.rows == steps_of_.rows && M.cols == steps_of_.cols),
            "Trainer: the model has " + std::to_string(M.rows) + "×" + std::to_string(M.cols) +
                " parameters, the one that was trained " + std::to_string(steps_of_.rows) + "×" +
                std::to_string(steps_of_.cols));
  forget_steps();
  steps_of_ = M;
  steps_keep_ = ball;
}

/// Enqueues batch `batch` of the epoch, and the update of the parameters after it.
template <class T>
template <class Model>
void Trainer<T>::StateOf<Model>::launch_step(index_t batch) {
  follow_model();
  const HostBatch<T>& data = prefetcher_.next();
  TrainingStep<T>& step = step_for(data.samples);
  const std::int64_t total = options_.epochs * batches_;
  const double factor = options_.schedule.factor(position_.epoch, position_.steps, total);
  // A step that was prepared and then threw counts for nothing.
  optimizer_.set_steps(position_.steps);
  OptimizerProgram<T>::prepare_step(optimizer_, context_, factor);
  const Clock::time_point launched = Clock::now();
  step.launch(data);
  ++position_.steps;
  InFlight next{step.fetch(),
                {.epoch = position_.epoch + 1,
                 .step = position_.steps,
                 .steps_per_epoch = batches_,
                 .learning_rate = options_.optimizer.learning_rate * factor},
                batch,
                seconds_since(launched)};
  position_.batch = batch + 1;
  // Where what is told of the step before ends in an exception, this one is still in flight.
  tell(std::exchange(in_flight_, std::move(next)));
}

/// Waits for the figures of a step, adds them up and passes them on.
template <class T>
template <class Model>
void Trainer<T>::StateOf<Model>::tell(std::optional<InFlight> told) {
  if (!told) return;
  const BatchFigures figures = told->pending.get(context_);
  StepMetrics& metrics = told->metrics;
  const double seconds = std::max(seconds_since(last_collected_), told->launch_seconds);
  prefetcher_.release();
  const auto samples = static_cast<double>(figures.samples);
  position_.loss_sum += figures.loss_sum;
  if (figures.diverged > 0 || !std::isfinite(position_.loss_sum)) fail(*told, figures);
  position_.correct += figures.correct;
  position_.forward_iterations += figures.forward_iterations;
  position_.adjoint_iterations += figures.adjoint_iterations;
  position_.samples += figures.samples;
  position_.not_converged += figures.not_converged;
  metrics.loss = figures.loss_sum / samples;
  metrics.accuracy = figures.correct / samples;
  metrics.regression = score(metrics.loss);
  metrics.forward_iterations = figures.forward_iterations / samples;
  metrics.adjoint_iterations = figures.adjoint_iterations / samples;
  metrics.not_converged = figures.not_converged;
  metrics.samples_per_second = samples / std::max(seconds, 1e-9);
  last_collected_ = Clock::now();
  if (metrics.step % k_steps_per_metrics_line == 0) metrics_log_.write(metrics);
  if (options_.on_step) options_.on_step(metrics);
}

template <class T>
template <class Model>
void Trainer<T>::StateOf<Model>::fail(const InFlight& step, const BatchFigures& figures) {
  in_flight_.reset();  // a step after it is of no use
  prefetcher_.stop();  // samples are read one at a time
  const std::vector<std::int32_t> order =
      epoch_order(options_.seed, step.metrics.epoch - 1, train_.size(), options_.shuffle);
  const auto rest = std::span(order).subspan(static_cast<std::size_t>(step.batch * batch_size_));
  throw NotFinite(failure_text<T>(step.metrics, step.batch, figures, train_, rest) +
                  untouched(saved_steps_));
}

/// What is saved is finite, or is not saved.
template <class T>
template <class Model>
void Trainer<T>::StateOf<Model>::require_finite() {
  std::string trouble = non_finite_trained(context_, model_, optimizer_);
  if (optimizer_.take_left_out(context_))
    trouble += std::string(trouble.empty() ? "" : ", ") +
               "entries of gradients or their squares, which were left out,";
  if (trouble.empty()) return;
  throw NotFinite("training: after step " + std::to_string(position_.steps) + " (epoch " +
                  std::to_string(position_.epoch + 1) + ") " + trouble +
                  " are not finite; a smaller learning rate may help" + untouched(saved_steps_));
}

template <class T>
template <class Model>
void Trainer<T>::StateOf<Model>::save(const char* name) {
  save_model(context_, model_, options_.folder / name, position_.steps, options_.data_format);
}

template <class T>
template <class Model>
void Trainer<T>::StateOf<Model>::checkpoint() {
  if (options_.folder.empty()) return;
  TrainingPosition position = position_;
  position.metrics_length = metrics_log_.sync();
  write_checkpoint(context_, model_, optimizer_, options_, train_, digests_, position);
  position_ = position;
  saved_steps_ = position_.steps;
}

/// Before the next step. Programs are made anew for the parameters that are left.
template <class T>
template <class Model>
void Trainer<T>::StateOf<Model>::prune_if_due() {
  const PruningOptions& pruning = options_.pruning;
  const std::int64_t steps = pruning.epochs * batches_;
  if (!prunes_at(pruning, position_.steps, steps)) return;
  collect();
  require_finite();
  forget_steps();
  if constexpr (std::is_same_v<Model, ImplicitModel<T>>)
    prune(context_, model_, optimizer_, pruning.target,
          gradual_density(pruning.density, position_.steps, steps));
}

/// Runs the rest of the epoch under way; false if it was stopped.
template <class T>
template <class Model>
bool Trainer<T>::StateOf<Model>::run_epoch() {
  const Clock::time_point start = Clock::now();
  const std::int64_t samples_before = position_.samples;
  last_collected_ = start;
  collect();  // what a step had still to tell when the one after it threw
  prefetcher_.start(epoch_order(options_.seed, position_.epoch, train_.size(), options_.shuffle),
                    position_.batch);
  for (index_t batch = position_.batch; batch < batches_; ++batch) {
    if (options_.stop_requested && options_.stop_requested()) {
      collect();
      require_finite();
      if (!options_.folder.empty()) save("last.safetensors");
      checkpoint();
      return false;
    }
    prune_if_due();
    launch_step(batch);
    const bool last = batch + 1 == batches_;
    if (!last && options_.checkpoint_interval > 0 &&
        position_.steps % options_.checkpoint_interval == 0) {
      collect();
      require_finite();
      checkpoint();
    }
  }
  collect();
  require_finite();
  finish_epoch(start, samples_before);
  return true;
}

/// Whether the epoch is the best so far: by accuracy, of targets by loss.
template <class T>
template <class Model>
void Trainer<T>::StateOf<Model>::note_best(EpochMetrics& metrics) {
  const double loss = metrics.test ? metrics.test->loss : metrics.train_loss;
  const double accuracy = metrics.test ? metrics.test->accuracy : metrics.train_accuracy;
  const bool is_better =
      train_.has_targets() ? loss < position_.best_loss : accuracy > position_.best_accuracy;
  metrics.best = is_better && is_finite(metrics) && has_ended(options_.pruning, position_.epoch);
  if (!metrics.best) return;
  (train_.has_targets() ? position_.best_loss : position_.best_accuracy) =
      train_.has_targets() ? loss : accuracy;
}

template <class T>
template <class Model>
void Trainer<T>::StateOf<Model>::finish_epoch(Clock::time_point start,
                                              std::int64_t samples_before) {
  const double seconds = seconds_since(start);
  const auto samples = static_cast<double>(position_.samples);
  EpochMetrics metrics{
      .epoch = position_.epoch + 1,
      .step = position_.steps,
      .train_loss = position_.loss_sum / samples,
      .train_accuracy = position_.correct / samples,
      .regression = score(position_.loss_sum / samples),
      .test = std::nullopt,
      .learning_rate = options_.optimizer.learning_rate *
                       options_.schedule.factor(position_.epoch, position_.steps - 1,
                                                options_.epochs * batches_),
      .forward_iterations = position_.forward_iterations / samples,
      .adjoint_iterations = position_.adjoint_iterations / samples,
      .not_converged = position_.not_converged,
      .seconds = seconds,
      .samples_per_second = static_cast<double>(position_.samples - samples_before) / seconds};
  if (test_ != nullptr)
    metrics.test =
        custom_loss_
            ? evaluate(context_, model_, *test_, custom_loss_, batch_size_, options_.solver)
            : evaluate(context_, model_, *test_, options_.loss, batch_size_, options_.solver);
  note_best(metrics);
  if (metrics.test && metrics.test->not_finite > 0)
    context_.log(Severity::warning, test_failure_text(metrics.epoch, *metrics.test));
  position_ = TrainingPosition{.epoch = position_.epoch + 1,
                               .steps = position_.steps,
                               .best_accuracy = position_.best_accuracy,
                               .best_loss = position_.best_loss,
                               .metrics_length = position_.metrics_length};
  ended_ = metrics;
  keep_epoch();
}

/// What ends in an exception here is done when training goes on.
template <class T>
template <class Model>
void Trainer<T>::StateOf<Model>::keep_epoch() {
  if (!ended_) return;
  if (!options_.folder.empty()) {
    // The checkpoint comes last: what it refers to is on the disk by then.
    if (ended_->best) save("best.safetensors");
    save("last.safetensors");
    const std::uint64_t length = metrics_log_.length();
    metrics_log_.write(*ended_);
    try {
      checkpoint();
    } catch (...) {
      metrics_log_.take_back(length);  // its line is written again
      throw;
    }
  }
  const EpochMetrics metrics = *std::exchange(ended_, std::nullopt);
  if (options_.on_epoch) options_.on_epoch(metrics);
}

template <class T>
template <class Model>
void Trainer<T>::StateOf<Model>::resume() {
  IDL_CHECK(!options_.folder.empty(), "Trainer: there is no folder to resume from");
  // Of what was under way nothing is a part of what is resumed, and the programs are those of a
  // model that the checkpoint may replace.
  in_flight_.reset();
  forget_steps();
  ended_.reset();
  metrics_log_ = MetricsLog();
  position_ = read_checkpoint(context_, model_, optimizer_, options_, train_, digests_);
  optimizer_.take_left_out(context_);
  saved_steps_ = position_.steps;
  if (custom_loss_)
    context_.log(Severity::info,
                 "training goes on with a loss of the caller's own; whether it is that of the "
                 "checkpoint is not known");
}

template <class T>
template <class Model>
TrainingEnd Trainer<T>::StateOf<Model>::fit() {
  if (!options_.folder.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options_.folder, error);
    if (error) throw IoError(options_.folder.string(), "cannot be made: " + error.message());
    // Behind what was written since the checkpoint, where this goes on after an exception.
    metrics_log_ = MetricsLog(options_.folder / "metrics.jsonl",
                              std::max(position_.metrics_length, metrics_log_.length()));
  }
  keep_epoch();
  // However it ends, nobody reads samples afterwards.
  const auto stop = [](Prefetcher<T>* prefetcher) { prefetcher->stop(); };
  const std::unique_ptr<Prefetcher<T>, decltype(stop)> end(&prefetcher_, stop);
  while (position_.epoch < options_.epochs)
    if (!run_epoch()) return TrainingEnd::stopped;
  return TrainingEnd::finished;
}

template <class T>
template <class Model>
std::unique_ptr<typename Trainer<T>::State> Trainer<T>::make_state(Context& context, Model& model,
                                                                   const Dataset& train,
                                                                   const Dataset* test,
                                                                   TrainerOptions options) {
  options.data_format.feature_scaling = scaling_of_inputs(model, train.feature_scaling());
  options.data_format.target_scaling = train.target_scaling();
  check_training(model, train, test, options);
  return std::make_unique<StateOf<Model>>(context, model, train, test, std::move(options));
}

template <class T>
Trainer<T>::Trainer(Context& context, ImplicitModel<T>& model, const Dataset& train,
                    const Dataset* test, TrainerOptions options)
    : state_(make_state(context, model, train, test, std::move(options))) {}
template <class T>
Trainer<T>::Trainer(Context& context, ImplicitRnn<T>& model, const Dataset& train,
                    const Dataset* test, TrainerOptions options)
    : state_(make_state(context, model, train, test, std::move(options))) {}
template <class T>
Trainer<T>::~Trainer() = default;
template <class T>
Trainer<T>::Trainer(Trainer&&) noexcept = default;
template <class T>
Trainer<T>& Trainer<T>::operator=(Trainer&&) noexcept = default;

template <class T>
void Trainer<T>::resume() {
  state_->resume();
}

template <class T>
TrainingEnd Trainer<T>::fit() {
  return state_->fit();
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace idl
