// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <variant>

#include "idl/batch_pass.hpp"
#include "idl/context.hpp"
#include "idl/data.hpp"
#include "idl/data_format.hpp"
#include "idl/export.hpp"
#include "idl/loss.hpp"
#include "idl/model.hpp"
#include "idl/optimizer.hpp"
#include "idl/recurrent.hpp"
#include "idl/solver.hpp"
#include "idl/sparsify.hpp"

namespace idl {

/// How well targets are met; made of the mean squared error, which is the loss.
struct RegressionScore {
  /// 1 − loss / (mean squared distance of the targets to the mean of their column), over all
  /// entries: 1 is perfect, 0 as good as the best constant answer. NaN where targets are constant.
  double r2 = 0;
  /// Root of the mean squared error: of a single target in the target's own unit, of several as
  /// they are scaled for the model.
  double rmse = 0;
};

/// What one pass over the test set gave.
struct Evaluation {
  double loss = 0;  ///< mean over the samples; not finite where one of them has no finite loss
  /// Share of samples whose largest output is the label, in [0, 1]; outputs that are not finite
  /// are wrong. 0 where the data have targets.
  double accuracy = 0;
  std::optional<RegressionScore> regression{};  ///< where the data have targets
  std::int64_t samples = 0;                     ///< number of samples
  std::int64_t not_converged = 0;               ///< samples that met no stopping rule
  double mean_iterations = 0;                   ///< of the state's solve, per sample
  std::int64_t not_finite = 0;                  ///< samples whose loss is not finite
  index_t first_not_converged = -1;  ///< the first of the samples in not_converged; -1: none
  index_t first_not_finite = -1;     ///< the first of the samples in not_finite; -1: none
};

/// Evaluates a model over a whole data set in batches (the last may be smaller).
/// @throws InvalidArgument (sizes that do not fit each other; another loss than squared_error for
/// targets)
template <class T>
IDL_EXPORT Evaluation evaluate(Context& context, const ImplicitModel<T>& model, const Dataset& data,
                               LossKind loss, index_t batch_size, const SolverOptions& solver = {});
/// The same by a loss of the caller's own, of labels or targets; there is no regression score.
template <class T>
IDL_EXPORT Evaluation evaluate(Context& context, const ImplicitModel<T>& model, const Dataset& data,
                               const std::type_identity_t<CustomLoss<T>>& loss, index_t batch_size,
                               const SolverOptions& solver = {});
/// The same of a recurrent model with a head, whose outputs are what the data tell. A sample is a
/// sequence: its features are x_1, x_2, ..., so that there are (features / inputs) steps, and h_0
/// is zero. mean_iterations is that of a step, not_converged counts steps.
/// @throws InvalidArgument (as above; a model without head)
template <class T>
IDL_EXPORT Evaluation evaluate(Context& context, const ImplicitRnn<T>& model, const Dataset& data,
                               LossKind loss, index_t batch_size, const SolverOptions& solver = {});
/// The same by a loss of the caller's own.
template <class T>
IDL_EXPORT Evaluation evaluate(Context& context, const ImplicitRnn<T>& model, const Dataset& data,
                               const std::type_identity_t<CustomLoss<T>>& loss, index_t batch_size,
                               const SolverOptions& solver = {});

/// One optimiser step's figures, delivered one or more steps late so that the device never waits.
struct StepMetrics {
  std::int64_t epoch = 0;            ///< 1 for the first
  std::int64_t step = 0;             ///< optimiser steps taken, 1 for the first
  std::int64_t steps_per_epoch = 0;  ///< batches of an epoch
  double loss = 0;                   ///< mean over the batch, before the step
  double accuracy = 0;  ///< share of the batch whose largest output is the label, in [0, 1]
  /// Of the batch, against the whole set's distance to its mean; where the data have targets.
  std::optional<RegressionScore> regression{};
  double learning_rate = 0;        ///< of this step, with the schedule's factor
  double forward_iterations = 0;   ///< mean per sample
  double adjoint_iterations = 0;   ///< mean per sample
  std::int64_t not_converged = 0;  ///< columns of either solve that met no stopping rule
  double samples_per_second = 0;   ///< of this step
};

/// One epoch's figures.
struct EpochMetrics {
  std::int64_t epoch = 0;     ///< 1 for the first
  std::int64_t step = 0;      ///< optimiser steps taken so far
  double train_loss = 0;      ///< mean over the epoch, as the parameters were at each step
  double train_accuracy = 0;  ///< over the epoch, in [0, 1]
  std::optional<RegressionScore> regression{};  ///< over the epoch, where the data have targets
  std::optional<Evaluation> test;               ///< none without a test set
  double learning_rate = 0;                     ///< of the epoch's last step
  double forward_iterations = 0;                ///< mean per sample, over the epoch
  double adjoint_iterations = 0;                ///< mean per sample, over the epoch
  std::int64_t not_converged = 0;  ///< columns of either solve that met no stopping rule
  double seconds = 0;              ///< of the epoch's training, since resuming where it was resumed
  double samples_per_second = 0;   ///< of the epoch's training
  /// The best accuracy so far (where the data have targets, the smallest loss), on the test set
  /// where there is one; never with a loss that is not finite, nor before pruning has ended.
  bool best = false;
};

/// How a Trainer trains.
struct TrainerOptions {
  std::int64_t epochs = 10;  ///< passes over the training set, >= 0
  /// Samples of an optimiser step, >= 1; the last batch of an epoch may be smaller.
  index_t batch_size = 100;
  LossKind loss = LossKind::softmax_cross_entropy;  ///< what is made small
  /// A loss of the caller's own in the place of `loss`, in the element type of the model: of labels
  /// or targets. Accuracies are counted all the same, a regression score is not given. Checkpoints
  /// note that there is one; that resume() goes on with the same is up to the caller.
  std::variant<std::monostate, CustomLoss<float>, CustomLoss<double>> custom_loss{};
  OptimizerOptions optimizer{};  ///< the rule of a step
  Schedule schedule{};           ///< the learning rate over time
  /// Stopping rules of both solves. In batches of more than 100 samples the adjoint's absolute
  /// tolerance is 100/m of what stands here: gradients of a mean fall with 1/m.
  SolverOptions solver{};
  /// The model becomes a sparse one where entries are pruned: views of its parameters that were
  /// taken before are then void.
  PruningOptions pruning{};
  bool shuffle = true;     ///< visit the samples in epoch_order(seed, ...), else as they lie
  std::uint64_t seed = 0;  ///< of the order of the samples
  /// The names of inputs and outputs, for the files. Scalings are taken from the training data.
  DataFormat data_format{};

  /// Where metrics.jsonl, best.safetensors, last.safetensors and checkpoint.safetensors are
  /// written; empty: nothing is written.
  std::filesystem::path folder{};
  /// Optimiser steps between checkpoints inside an epoch; 0: at the end of each epoch only (and
  /// when training is stopped).
  std::int64_t checkpoint_interval = 0;

  /// Called on the thread that trains, for every step in order.
  std::function<void(const StepMetrics&)> on_step{};
  /// Called on the thread that trains, at the end of every epoch.
  std::function<void(const EpochMetrics&)> on_epoch{};
  /// Asked before each step; true ends the training after writing a checkpoint from which resuming
  /// gives the same bits as not having stopped.
  std::function<bool()> stop_requested{};
};

/// Why fit() returned: after the last epoch, or because stop_requested said so.
enum class TrainingEnd : std::uint8_t { finished, stopped };

/// Trains a model on a data set: batches in a seeded order, loading that overlaps with computing,
/// the optimiser with projection after each step, evaluation, checkpoints and metrics.
template <class T>
class IDL_EXPORT Trainer {
 public:
  /// Refers to context, model and data, which must outlive it.
  /// @throws InvalidArgument (model's p or q do not fit the data; another loss than squared_error
  /// for targets; a custom loss that is empty or of another element type; labels to train on and
  /// targets to test on, or the other way round; a number of the options that is not finite or out
  /// of its range; more than 2⁶³−1 steps)
  Trainer(Context& context, ImplicitModel<T>& model, const Dataset& train, const Dataset* test,
          TrainerOptions options);
  /// The same of a recurrent model with a head: a sample is a sequence, as evaluate() takes it.
  /// Iterations are those of a step, not_converged counts steps.
  /// @throws InvalidArgument (as above; a model without head; pruning; inputs that are not scaled
  /// alike in all steps)
  Trainer(Context& context, ImplicitRnn<T>& model, const Dataset& train, const Dataset* test,
          TrainerOptions options);
  ~Trainer();
  /// Moves; the source may then only be destroyed or assigned to.
  Trainer(Trainer&&) noexcept;
  /// As the move constructor.
  Trainer& operator=(Trainer&&) noexcept;

  /// Reads options.folder/checkpoint.safetensors: parameters, optimiser state and position. The
  /// metrics file is cut back to that position.
  /// @throws IoError, InvalidArgument where it was written with other options that change results
  void resume();

  /// Runs to the last epoch or until stop_requested. Before anything is saved, and at the end of
  /// every epoch, parameters and moments are looked at on the device.
  /// @throws NotFinite where a sample's loss is not finite or a solve of it diverged (the text
  ///         names epoch, step and sample), or where parameters or moments are not (it names the
  ///         tensors and counts their entries). Nothing is saved then: the files are those of the
  ///         last good step that was saved, from which resume() goes on. Entries of gradients that
  ///         are not finite are left out by the optimiser, so that one sample spoils no model.
  /// @throws IoError
  TrainingEnd fit();

 private:
  struct State;
  template <class Model>
  struct StateOf;
  template <class Model>
  static std::unique_ptr<State> make_state(Context& context, Model& model, const Dataset& train,
                                           const Dataset* test, TrainerOptions options);
  std::unique_ptr<State> state_;
};

extern template class Trainer<float>;
extern template class Trainer<double>;

}  // namespace idl
