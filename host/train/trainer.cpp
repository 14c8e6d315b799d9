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
  State(Context& context_in, ImplicitModel<T>& model_in, const Dataset& train_in,
        const Dataset* test_in, TrainerOptions options_in)
      : context(context_in),
        model(model_in),
        train(train_in),
        test(test_in),
        options(std::move(options_in)),
        optimizer(context_in, model_in, options.optimizer),
        batch_size(std::min(options.batch_size, train_in.size())),
        batches((train_in.size() + batch_size - 1) / batch_size),
        prefetcher(context_in, train_in, batch_size, options.loss == LossKind::squared_error) {}

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

  Context& context;
  ImplicitModel<T>& model;
  const Dataset& train;
  const Dataset* test;
  TrainerOptions options;
  Optimizer<T> optimizer;
  index_t batch_size;
  index_t batches;
  Prefetcher<T> prefetcher;
  std::optional<BatchStep<T>> whole_step;
  std::optional<BatchStep<T>> last_step;  ///< of the smaller batch that ends an epoch
  std::optional<InFlight> in_flight;
  TrainingPosition position;
  MetricsLog metrics_log;
  Clock::time_point last_collected;
};

template <class T>
BatchStep<T>& Trainer<T>::State::step_for(index_t samples) {
  std::optional<BatchStep<T>>& step = samples == batch_size ? whole_step : last_step;
  if (!step) step.emplace(context, model, samples, options.loss, options.solver, true);
  return *step;
}

/// Enqueues batch `batch` of the epoch, and the update of the parameters behind it.
template <class T>
void Trainer<T>::State::launch_step(index_t batch) {
  const HostBatch<T>& data = prefetcher.next();
  BatchStep<T>& step = step_for(data.samples);
  const double factor =
      options.schedule.factor(position.epoch, position.steps, options.epochs * batches);
  step.launch(data);
  optimizer.step(context, model, step.dM(), factor);
  ++position.steps;
  InFlight next{step.fetch(),
                {.epoch = position.epoch + 1,
                 .step = position.steps,
                 .steps_per_epoch = batches,
                 .learning_rate = options.optimizer.learning_rate * factor}};
  position.batch = batch + 1;
  collect();
  in_flight = std::move(next);
}

/// Waits for the figures of the step before, adds them up and passes them on.
template <class T>
void Trainer<T>::State::collect() {
  if (!in_flight) return;
  const BatchFigures figures = in_flight->pending.get(context);
  StepMetrics metrics = in_flight->metrics;
  in_flight.reset();
  prefetcher.release();
  const auto samples = static_cast<double>(figures.samples);
  if (!std::isfinite(figures.loss_sum))
    throw Error("training: the loss is not finite at step " + std::to_string(metrics.step) +
                " (epoch " + std::to_string(metrics.epoch) +
                "); a smaller learning rate may help; files of earlier steps are untouched");
  position.loss_sum += figures.loss_sum;
  position.correct += figures.correct;
  position.forward_iterations += figures.forward_iterations;
  position.adjoint_iterations += figures.adjoint_iterations;
  position.samples += figures.samples;
  position.not_converged += figures.not_converged;
  metrics.loss = figures.loss_sum / samples;
  metrics.accuracy = figures.correct / samples;
  metrics.forward_iterations = figures.forward_iterations / samples;
  metrics.adjoint_iterations = figures.adjoint_iterations / samples;
  metrics.not_converged = figures.not_converged;
  metrics.samples_per_second = samples / std::max(seconds_since(last_collected), 1e-9);
  last_collected = Clock::now();
  if (metrics.step % k_steps_per_metrics_line == 0) metrics_log.write(metrics);
  if (options.on_step) options.on_step(metrics);
}

template <class T>
void Trainer<T>::State::checkpoint() {
  if (options.folder.empty()) return;
  position.metrics_length = metrics_log.sync();
  write_checkpoint(context, model, optimizer, options, train, position);
}

/// Runs the rest of the epoch under way; false if it was stopped.
template <class T>
bool Trainer<T>::State::run_epoch() {
  const Clock::time_point start = Clock::now();
  const std::int64_t samples_before = position.samples;
  last_collected = start;
  prefetcher.start(epoch_order(options.seed, position.epoch, train.size(), options.shuffle),
                   position.batch);
  for (index_t batch = position.batch; batch < batches; ++batch) {
    if (options.stop_requested && options.stop_requested()) {
      collect();
      if (!options.folder.empty())
        save_model(context, model, options.folder / "last.safetensors", position.steps);
      checkpoint();
      return false;
    }
    launch_step(batch);
    const bool last = batch + 1 == batches;
    if (!last && options.checkpoint_interval > 0 &&
        position.steps % options.checkpoint_interval == 0) {
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
  const auto samples = static_cast<double>(position.samples);
  EpochMetrics metrics{
      .epoch = position.epoch + 1,
      .step = position.steps,
      .train_loss = position.loss_sum / samples,
      .train_accuracy = position.correct / samples,
      .test = std::nullopt,
      .learning_rate =
          options.optimizer.learning_rate *
          options.schedule.factor(position.epoch, position.steps - 1, options.epochs * batches),
      .forward_iterations = position.forward_iterations / samples,
      .adjoint_iterations = position.adjoint_iterations / samples,
      .not_converged = position.not_converged,
      .seconds = seconds,
      .samples_per_second = static_cast<double>(position.samples - samples_before) / seconds};
  if (test != nullptr)
    metrics.test = evaluate(context, model, *test, options.loss, batch_size, options.solver);
  const double accuracy = metrics.test ? metrics.test->accuracy : metrics.train_accuracy;
  metrics.best = accuracy > position.best_accuracy;
  position.best_accuracy = std::max(position.best_accuracy, accuracy);
  position = TrainingPosition{.epoch = position.epoch + 1,
                              .steps = position.steps,
                              .best_accuracy = position.best_accuracy};
  if (!options.folder.empty()) {
    // The checkpoint comes last: what it refers to is on the disk by then.
    if (metrics.best)
      save_model(context, model, options.folder / "best.safetensors", position.steps);
    save_model(context, model, options.folder / "last.safetensors", position.steps);
    metrics_log.write(metrics);
    checkpoint();
  }
  if (options.on_epoch) options.on_epoch(metrics);
}

template <class T>
void Trainer<T>::State::resume() {
  IDL_CHECK(!options.folder.empty(), "Trainer: there is no folder to resume from");
  position = read_checkpoint(context, model, optimizer, options, train);
}

template <class T>
TrainingEnd Trainer<T>::State::fit() {
  if (!options.folder.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options.folder, error);
    if (error) throw IoError(options.folder.string(), "cannot be made: " + error.message());
    metrics_log = MetricsLog(options.folder / "metrics.jsonl", position.metrics_length);
  }
  while (position.epoch < options.epochs)
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
