// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "host/train/check_training.hpp"
#include "host/train/checkpoint.hpp"
#include "host/train/metrics_log.hpp"
#include "host/train/score.hpp"
#include "host/train/training_failure.hpp"
#include "host/train/training_step.hpp"
#include "idl/trainer.hpp"

namespace idl {

template <class T>
struct Trainer<T>::State {
  virtual ~State() = default;
  virtual TrainingEnd fit() = 0;
  virtual void resume() = 0;
};

template <class T>
template <class Model>
struct Trainer<T>::StateOf final : State {
  StateOf(Context& context, Model& model, const Dataset& train, const Dataset* test,
          TrainerOptions options)
      : context_(context),
        model_(model),
        train_(train),
        test_(test),
        variance_(train.target_variance()),
        options_(std::move(options)),
        digests_(options_.folder.empty() ? DataDigests() : digests_of(train, test)),
        custom_loss_(own_loss<T>(options_)),
        optimizer_(context, model, options_.optimizer),
        batch_size_(std::min(options_.batch_size, train.size())),
        batches_(batches_of(train.size(), batch_size_)),
        prefetcher_(context, train, batch_size_,
                    custom_loss_ ? train.has_targets() : options_.loss == LossKind::squared_error) {
  }

  TrainingEnd fit() override;
  void resume() override;

 private:
  /// One batch whose figures are still on their way.
  struct InFlight {
    typename TrainingStep<T>::Pending pending;
    StepMetrics metrics;
    index_t batch;          ///< of the epoch, 0 for the first
    double launch_seconds;  ///< in which a CPU does the step; the last is collected at once
  };

  bool run_epoch();
  void follow_model();
  void forget_steps() {
    whole_step_.reset();
    last_step_.reset();
    steps_of_ = {};
  }
  void launch_step(index_t batch);
  void prune_if_due();
  TrainingStep<T>& step_for(index_t samples);
  void collect() { tell(std::exchange(in_flight_, std::nullopt)); }
  void tell(std::optional<InFlight> told);
  [[noreturn]] void fail(const InFlight& step, const BatchFigures& figures);
  void require_finite();
  void save(const char* name);
  /// What a mean loss is worth as a squared error; nothing where it is another loss.
  std::optional<RegressionScore> score(double loss) const {
    return custom_loss_ ? std::nullopt : score_of(train_, variance_, loss);
  }
  void note_best(EpochMetrics& metrics);
  void finish_epoch(std::chrono::steady_clock::time_point start, std::int64_t samples_before);
  void keep_epoch();
  void checkpoint();

  Context& context_;
  Model& model_;
  const Dataset& train_;
  const Dataset* test_;
  double variance_;  ///< of the targets of train_
  TrainerOptions options_;
  DataDigests digests_;        ///< where there are checkpoints
  CustomLoss<T> custom_loss_;  ///< empty: options_.loss
  Optimizer<T> optimizer_;
  index_t batch_size_;
  index_t batches_;
  Prefetcher<T> prefetcher_;
  std::optional<TrainingStep<T>> whole_step_;
  std::optional<TrainingStep<T>> last_step_;  ///< of the smaller batch that ends an epoch
  std::optional<InFlight> in_flight_;
  /// What the steps were made for.
  ConstMatrixView<T> steps_of_{};
  WellPosedness steps_keep_{};
  TrainingPosition position_;
  std::optional<EpochMetrics> ended_;  ///< an epoch that is not yet saved, logged and told
  std::int64_t saved_steps_ = -1;      ///< those of the checkpoint on the disk; -1: none
  MetricsLog metrics_log_;
  std::chrono::steady_clock::time_point last_collected_;
};

}  // namespace idl
