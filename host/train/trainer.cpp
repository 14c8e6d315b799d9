// SPDX-License-Identifier: MIT
#include "idl/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include "host/solver/iteration.hpp"
#include "host/train/batch_step.hpp"
#include "host/train/checkpoint.hpp"
#include "host/train/metrics_log.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t k_steps_per_metrics_line = 50;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

template <class T>
void check(const ImplicitModel<T>& model, const Dataset& data, const char* which) {
  IDL_CHECK(data.size() >= 1, std::string("Trainer: the ") + which + " data are empty");
  IDL_CHECK(data.features() == model.shape().inputs && data.classes() == model.shape().outputs,
            std::string("Trainer: the ") + which + " data have " + std::to_string(data.features()) +
                " features and " + std::to_string(data.classes()) + " classes, the model " +
                std::to_string(model.shape().inputs) + " inputs and " +
                std::to_string(model.shape().outputs) + " outputs");
}

void check(const TrainerOptions& options) {
  IDL_CHECK(options.epochs >= 0,
            "Trainer: epochs is " + std::to_string(options.epochs) + ", it must not be negative");
  IDL_CHECK(
      options.batch_size >= 1,
      "Trainer: batch_size is " + std::to_string(options.batch_size) + ", it must be at least 1");
  IDL_CHECK(options.checkpoint_interval >= 0, "Trainer: checkpoint_interval is " +
                                                  std::to_string(options.checkpoint_interval) +
                                                  ", it must not be negative");
  solver::check_tolerance(options.solver.forward, "forward");
  solver::check_tolerance(options.solver.adjoint, "adjoint");
}

}  // namespace

template <class T>
struct Trainer<T>::State {
  State(Context& context, ImplicitModel<T>& model, const Dataset& train, const Dataset* test,
        TrainerOptions options)
      : context_(context),
        model_(model),
        train_(train),
        test_(test),
        options_(std::move(options)),
        optimizer_(context, model, options_.optimizer),
        batch_size_(std::min(options_.batch_size, train.size())),
        batches_((train.size() + batch_size_ - 1) / batch_size_),
        prefetcher_(context, train, batch_size_, options_.loss == LossKind::squared_error) {}

  TrainingEnd fit();
  void resume();

 private:
  /// One batch whose figures are still on their way.
  struct InFlight {
    typename BatchStep<T>::Pending pending;
    StepMetrics metrics;
  };

  bool run_epoch();
  void launch_step(index_t batch);
  BatchStep<T>& step_for(index_t samples);
  void collect();
  void finish_epoch(Clock::time_point start, std::int64_t samples_before);
  void checkpoint();

  Context& context_;
  ImplicitModel<T>& model_;
  const Dataset& train_;
  const Dataset* test_;
  TrainerOptions options_;
  Optimizer<T> optimizer_;
  index_t batch_size_;
  index_t batches_;
  Prefetcher<T> prefetcher_;
  std::optional<BatchStep<T>> whole_step_;
  std::optional<BatchStep<T>> last_step_;  ///< of the smaller batch that ends an epoch
  std::optional<InFlight> in_flight_;
  TrainingPosition position_;
  MetricsLog metrics_log_;
  Clock::time_point last_collected_;
};

template <class T>
BatchStep<T>& Trainer<T>::State::step_for(index_t samples) {
  std::optional<BatchStep<T>>& step = samples == batch_size_ ? whole_step_ : last_step_;
  if (!step) {
    step.emplace(context_, model_, samples, options_.loss, options_.solver, true);
    step->follow_with(optimizer_.compile(context_, model_, step->dM()));
  }
  return *step;
}

/// Enqueues batch `batch` of the epoch, and the update of the parameters behind it.
template <class T>
void Trainer<T>::State::launch_step(index_t batch) {
  const HostBatch<T>& data = prefetcher_.next();
  BatchStep<T>& step = step_for(data.samples);
  const double factor =
      options_.schedule.factor(position_.epoch, position_.steps, options_.epochs * batches_);
  optimizer_.prepare_step(context_, factor);
  step.launch(data);
  ++position_.steps;
  InFlight next{step.fetch(),
                {.epoch = position_.epoch + 1,
                 .step = position_.steps,
                 .steps_per_epoch = batches_,
                 .learning_rate = options_.optimizer.learning_rate * factor}};
  position_.batch = batch + 1;
  collect();
  in_flight_ = std::move(next);
}

/// Waits for the figures of the step before, adds them up and passes them on.
template <class T>
void Trainer<T>::State::collect() {
  if (!in_flight_) return;
  const BatchFigures figures = in_flight_->pending.get(context_);
  StepMetrics metrics = in_flight_->metrics;
  in_flight_.reset();
  prefetcher_.release();
  const auto samples = static_cast<double>(figures.samples);
  if (!std::isfinite(figures.loss_sum))
    throw Error("training: the loss is not finite at step " + std::to_string(metrics.step) +
                " (epoch " + std::to_string(metrics.epoch) +
                "); a smaller learning rate may help; files of earlier steps are untouched");
  position_.loss_sum += figures.loss_sum;
  position_.correct += figures.correct;
  position_.forward_iterations += figures.forward_iterations;
  position_.adjoint_iterations += figures.adjoint_iterations;
  position_.samples += figures.samples;
  position_.not_converged += figures.not_converged;
  metrics.loss = figures.loss_sum / samples;
  metrics.accuracy = figures.correct / samples;
  metrics.forward_iterations = figures.forward_iterations / samples;
  metrics.adjoint_iterations = figures.adjoint_iterations / samples;
  metrics.not_converged = figures.not_converged;
  metrics.samples_per_second = samples / std::max(seconds_since(last_collected_), 1e-9);
  last_collected_ = Clock::now();
  if (metrics.step % k_steps_per_metrics_line == 0) metrics_log_.write(metrics);
  if (options_.on_step) options_.on_step(metrics);
}

template <class T>
void Trainer<T>::State::checkpoint() {
  if (options_.folder.empty()) return;
  position_.metrics_length = metrics_log_.sync();
  write_checkpoint(context_, model_, optimizer_, options_, train_, position_);
}

/// Runs the rest of the epoch under way; false if it was stopped.
template <class T>
bool Trainer<T>::State::run_epoch() {
  const Clock::time_point start = Clock::now();
  const std::int64_t samples_before = position_.samples;
  last_collected_ = start;
  prefetcher_.start(epoch_order(options_.seed, position_.epoch, train_.size(), options_.shuffle),
                    position_.batch);
  for (index_t batch = position_.batch; batch < batches_; ++batch) {
    if (options_.stop_requested && options_.stop_requested()) {
      collect();
      if (!options_.folder.empty())
        save_model(context_, model_, options_.folder / "last.safetensors", position_.steps);
      checkpoint();
      return false;
    }
    launch_step(batch);
    const bool last = batch + 1 == batches_;
    if (!last && options_.checkpoint_interval > 0 &&
        position_.steps % options_.checkpoint_interval == 0) {
      collect();
      checkpoint();
    }
  }
  collect();
  finish_epoch(start, samples_before);
  return true;
}

template <class T>
void Trainer<T>::State::finish_epoch(Clock::time_point start, std::int64_t samples_before) {
  const double seconds = seconds_since(start);
  const auto samples = static_cast<double>(position_.samples);
  EpochMetrics metrics{
      .epoch = position_.epoch + 1,
      .step = position_.steps,
      .train_loss = position_.loss_sum / samples,
      .train_accuracy = position_.correct / samples,
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
    metrics.test = evaluate(context_, model_, *test_, options_.loss, batch_size_, options_.solver);
  const double accuracy = metrics.test ? metrics.test->accuracy : metrics.train_accuracy;
  metrics.best = accuracy > position_.best_accuracy;
  position_.best_accuracy = std::max(position_.best_accuracy, accuracy);
  position_ = TrainingPosition{.epoch = position_.epoch + 1,
                               .steps = position_.steps,
                               .best_accuracy = position_.best_accuracy};
  if (!options_.folder.empty()) {
    // The checkpoint comes last: what it refers to is on the disk by then.
    if (metrics.best)
      save_model(context_, model_, options_.folder / "best.safetensors", position_.steps);
    save_model(context_, model_, options_.folder / "last.safetensors", position_.steps);
    metrics_log_.write(metrics);
    checkpoint();
  }
  if (options_.on_epoch) options_.on_epoch(metrics);
}

template <class T>
void Trainer<T>::State::resume() {
  IDL_CHECK(!options_.folder.empty(), "Trainer: there is no folder to resume from");
  position_ = read_checkpoint(context_, model_, optimizer_, options_, train_);
}

template <class T>
TrainingEnd Trainer<T>::State::fit() {
  if (!options_.folder.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options_.folder, error);
    if (error) throw IoError(options_.folder.string(), "cannot be made: " + error.message());
    metrics_log_ = MetricsLog(options_.folder / "metrics.jsonl", position_.metrics_length);
  }
  while (position_.epoch < options_.epochs)
    if (!run_epoch()) return TrainingEnd::stopped;
  return TrainingEnd::finished;
}

template <class T>
Trainer<T>::Trainer(Context& context, ImplicitModel<T>& model, const Dataset& train,
                    const Dataset* test, TrainerOptions options) {
  check(model, train, "training");
  if (test != nullptr) check(model, *test, "test");
  check(options);
  state_ = std::make_unique<State>(context, model, train, test, std::move(options));
}
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
