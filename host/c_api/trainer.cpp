// SPDX-License-Identifier: MIT
// Training step by step over the caller's batches.
#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/c_api/arrays.hpp"
#include "host/c_api/handles.hpp"
#include "host/c_api/structs.hpp"
#include "host/options/named_enums.hpp"
#include "host/options/validate.hpp"
#include "host/sparsify/prune.hpp"
#include "host/sparsify/stored_entries.hpp"
#include "host/train/optimizer_program.hpp"
#include "host/train/training_file.hpp"
#include "host/train/training_step.hpp"
#include "idl/optimizer.hpp"
#include "idl/sparsify.hpp"

namespace idl::c_api {

template <class T>
struct Training {
  Context& context;
  ImplicitModel<T>& model;
  LossKind loss;
  SolverOptions solver;
  index_t samples;
  double learning_rate;
  Optimizer<T> optimizer;   ///< with a learning rate of 1, which each step multiplies
  ModelOptions made_for{};  ///< what the steps have of the model
  std::vector<std::unique_ptr<TrainingStep<T>>> steps{};  ///< the last used one at the end
  bool launched = false;                  ///< the last of these, and not looked at since
  std::optional<BatchFigures> figures{};  ///< of the last step, once looked at
};

namespace {

/// Steps of two sizes are kept: of whole batches, and of the last one of a data set.
constexpr std::size_t k_most_steps = 2;

/// A step for batches of m samples.
template <class T>
std::unique_ptr<TrainingStep<T>> make_step(Training<T>& training, index_t m) {
  auto made = std::make_unique<TrainingStep<T>>(training.context, training.model, m, training.loss,
                                                training.solver, training.optimizer);
  // Of the squared error nobody gives labels.
  const std::vector<std::int32_t> none(static_cast<std::size_t>(m), 0);
  upload<std::int32_t>(training.context, none, made->labels());
  return made;
}

/// The step for batches of m samples, where it is kept.
template <class T>
auto find_step(Training<T>& training, index_t m) {
  return std::ranges::find_if(training.steps,
                              [m](const auto& step) { return step->samples() == m; });
}

/// The size of the steps to come. One for which there is no room is refused now.
template <class T>
void set_samples(Training<T>& training, index_t m) {
  auto& steps = training.steps;
  const bool same_model = training.made_for == training.model.options();
  if (!same_model || find_step(training, m) == steps.end()) {
    auto made = make_step(training, m);
    if (same_model) {
      if (steps.size() == k_most_steps) steps.erase(steps.begin());
      steps.insert(steps.begin(), std::move(made));  // the last used one stays at the end
    }
  }
  training.samples = m;
}

/// The step for batches of the size that is set.
template <class T>
TrainingStep<T>& step_of(Training<T>& training) {
  auto& steps = training.steps;
  training.launched = false;
  if (!(training.made_for == training.model.options())) steps.clear();  // another radius
  training.made_for = training.model.options();
  const auto known = find_step(training, training.samples);
  if (known != steps.end()) {
    std::rotate(known, known + 1, steps.end());
    return *steps.back();
  }
  auto made = make_step(training, training.samples);
  if (steps.size() == k_most_steps) steps.erase(steps.begin());
  steps.push_back(std::move(made));
  return *steps.back();
}

template <class T>
void launch(Training<T>& training, TrainingStep<T>& step) {
  OptimizerProgram<T>::prepare_step(training.optimizer, training.context, training.learning_rate);
  training.figures.reset();
  step.launch();
  training.launched = true;
}

/// Waits for the step. @throws NotFinite where it, or one before that was not waited for, met
/// numbers that are not finite
template <class T>
const BatchFigures& wait_for_figures(Training<T>& training) {
  if (training.launched) {
    training.figures = training.steps.back()->fetch().get(training.context);
    training.launched = false;
  }
  IDL_CHECK(training.figures.has_value(), "there are no figures before the first step");
  return *training.figures;
}

template <class T>
void tell_left_out(Training<T>& training, const BatchFigures& figures) {
  const bool left_out = training.optimizer.take_left_out(training.context);
  if (figures.not_finite > 0)
    throw NotFinite(
        "training step: the loss of " + std::to_string(figures.not_finite) + " of " +
        std::to_string(figures.samples) + " samples is not finite, the first is sample " +
        std::to_string(figures.first_not_finite) + "; gradients that are not finite were left out");
  if (left_out)
    throw NotFinite(
        "training step: gradients of this step or of one before were not finite; they were left "
        "out");
}

template <class T>
void tell_outcome(Training<T>& training, double* loss, double* accuracy) {
  if (loss == nullptr && accuracy == nullptr) return;
  const BatchFigures& figures = wait_for_figures(training);
  const auto samples = static_cast<double>(figures.samples);
  if (loss != nullptr) *loss = figures.loss_sum / samples;
  if (accuracy != nullptr) *accuracy = figures.correct / samples;
  tell_left_out(training, figures);
}

/// @throws NotFinite where the last step left something out, and tells of that once
template <class T>
void finish_step(Training<T>& training) {
  if (training.launched) tell_left_out(training, wait_for_figures(training));
}

template <class T>
void require_loss(const Training<T>& training, LossKind loss, const char* other) {
  IDL_CHECK(training.loss == loss, "the trainer's loss is " +
                                       std::string(to_string(training.loss)) + ": " + other +
                                       " makes its steps");
}

template <class T>
void step_by_labels(Training<T>& training, const Arrays& arrays, const void* U, std::int64_t ldu,
                    const std::int32_t* labels) {
  require_loss(training, LossKind::softmax_cross_entropy, "idl_trainer_step_towards");
  require(labels, "labels");
  const ModelShape& shape = training.model.shape();
  const auto inputs = arrays.in<T>({"U", "ldu"}, U, shape.inputs, training.samples, ldu);
  if (arrays.place() == Device::cpu())
    for (index_t j = 0; j < training.samples; ++j)
      IDL_CHECK(labels[j] >= 0 && labels[j] < shape.outputs,
                "labels[" + std::to_string(j) + "] is " + std::to_string(labels[j]) +
                    ", expected 0 to " + std::to_string(shape.outputs - 1));
  TrainingStep<T>& step = step_of(training);
  arrays.put(inputs, step.U());
  if (arrays.on_device())
    step.take_labels(labels);
  else
    upload<std::int32_t>(training.context,
                         std::span(labels, static_cast<std::size_t>(training.samples)),
                         step.labels());
  launch(training, step);
}

template <class T>
void step_by_target(Training<T>& training, const Arrays& arrays, const void* U, std::int64_t ldu,
                    const void* target, std::int64_t ldt) {
  require_loss(training, LossKind::squared_error, "idl_trainer_step");
  const ModelShape& shape = training.model.shape();
  const index_t m = training.samples;
  const auto inputs = arrays.in<T>({"U", "ldu"}, U, shape.inputs, m, ldu);
  const auto wanted = arrays.in<T>({"target", "ldt"}, target, shape.outputs, m, ldt);
  TrainingStep<T>& step = step_of(training);
  arrays.put(inputs, step.U());
  arrays.put(wanted, step.target());
  launch(training, step);
}

LossKind loss_kind(std::int32_t loss) {
  IDL_CHECK(loss == IDL_LOSS_SOFTMAX_CROSS_ENTROPY || loss == IDL_LOSS_SQUARED_ERROR,
            "loss is " + std::to_string(loss) +
                ", it may be IDL_LOSS_SOFTMAX_CROSS_ENTROPY or IDL_LOSS_SQUARED_ERROR");
  return loss == IDL_LOSS_SQUARED_ERROR ? LossKind::squared_error : LossKind::softmax_cross_entropy;
}

template <class T>
Training<T> make_training(idl_context& context, ImplicitModel<T>& model,
                          const idl_trainer_settings& settings) {
  check_number("m", settings.samples, ranges::k_positive_count);
  const double learning_rate = settings.learning_rate != nullptr ? *settings.learning_rate
                                                                 : OptimizerOptions{}.learning_rate;
  check_learning_rate(learning_rate);
  Training<T> training = {
      .context = context.context,
      .model = model,
      .loss = loss_kind(settings.loss),
      .solver = solver_options(context, settings.solver, settings.adjoint),
      .samples = settings.samples,
      .learning_rate = learning_rate,
      .optimizer = Optimizer<T>(context.context, model, optimizer_options(settings))};
  step_of(training);  // whatever is amiss with a step is amiss now
  return training;
}

}  // namespace
}  // namespace idl::c_api

struct idl_trainer {
  std::variant<idl::c_api::Training<float>, idl::c_api::Training<double>> training;
};

using idl::c_api::Arrays;
using idl::c_api::guarded;
using idl::c_api::require;

namespace {

/// Runs body(training) in the trainer's precision.
template <class Body>
idl_status with_training(idl_trainer* trainer, const Body& body) {
  return guarded([&] {
    require(trainer, "trainer");
    std::visit(body, trainer->training);
  });
}

}  // namespace

idl_status idl_trainer_create(idl_context* context, idl_model* model, int64_t m,
                              double learning_rate, const idl_solver_options* options,
                              idl_trainer** trainer) {
  idl_trainer_settings settings = {};
  settings.struct_size = sizeof(settings);
  settings.samples = m;
  settings.solver = options;
  settings.learning_rate = &learning_rate;
  return idl_trainer_create_with(context, model, &settings, trainer);
}

idl_status idl_trainer_create_with(idl_context* context, idl_model* model,
                                   const idl_trainer_settings* settings, idl_trainer** trainer) {
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    require(settings, "settings");
    require(trainer, "trainer");
    *trainer = nullptr;
    const auto given = idl::c_api::read_struct(settings, "idl_trainer_settings");
    *trainer = std::visit(
        [&](auto& typed) {
          return new idl_trainer{idl::c_api::make_training(*context, typed, given)};
        },
        model->model);
  });
}

void idl_trainer_destroy(idl_trainer* trainer) { delete trainer; }

idl_status idl_trainer_step(idl_trainer* trainer, const void* U, int64_t ldu, const int32_t* labels,
                            idl_memory memory, double* loss, double* accuracy) {
  return with_training(trainer, [&](auto& training) {
    idl::c_api::step_by_labels(training, Arrays(training.context, memory), U, ldu, labels);
    idl::c_api::tell_outcome(training, loss, accuracy);
  });
}

idl_status idl_trainer_step_towards(idl_trainer* trainer, const void* U, int64_t ldu,
                                    const void* target, int64_t ldt, idl_memory memory,
                                    double* loss) {
  return with_training(trainer, [&](auto& training) {
    idl::c_api::step_by_target(training, Arrays(training.context, memory), U, ldu, target, ldt);
    idl::c_api::tell_outcome(training, loss, nullptr);
  });
}

idl_status idl_trainer_figures(idl_trainer* trainer, idl_step_figures* figures) {
  return with_training(trainer, [&](auto& training) {
    require(figures, "figures");
    const idl::BatchFigures& told = idl::c_api::wait_for_figures(training);
    const auto samples = static_cast<double>(told.samples);
    const bool labels = training.loss == idl::LossKind::softmax_cross_entropy;
    idl_step_figures filled = {};
    filled.steps = training.optimizer.steps();
    filled.loss = told.loss_sum / samples;
    filled.accuracy = labels ? told.correct / samples : std::numeric_limits<double>::quiet_NaN();
    filled.forward_iterations = told.forward_iterations / samples;
    filled.adjoint_iterations = told.adjoint_iterations / samples;
    filled.not_converged = told.not_converged;
    idl::c_api::write_struct(filled, figures, "idl_step_figures");
    idl::c_api::tell_left_out(training, told);
  });
}

idl_status idl_trainer_set_learning_rate(idl_trainer* trainer, double learning_rate) {
  return with_training(trainer, [&](auto& training) {
    idl::c_api::check_learning_rate(learning_rate);
    training.learning_rate = learning_rate;
  });
}

idl_status idl_trainer_set_samples(idl_trainer* trainer, int64_t m) {
  return with_training(trainer, [&](auto& training) {
    idl::check_number("m", m, idl::ranges::k_positive_count);
    idl::c_api::set_samples(training, m);
  });
}

idl_status idl_trainer_prune(idl_trainer* trainer, const char* target, double density) {
  return with_training(trainer, [&](auto& training) {
    idl::check_number("density", density, idl::ranges::k_share);
    const idl::SparsifyTarget chosen =
        target != nullptr ? idl::parse_sparsify_target(target) : idl::SparsifyTarget::all_matrices;
    idl::check_prunable(training.model.options());
    idl::c_api::finish_step(training);
    training.steps.clear();  // they work on memory that goes
    idl::prune(training.context, training.model, training.optimizer, chosen, density);
  });
}

idl_status idl_trainer_save(idl_trainer* trainer, const char* path) {
  return with_training(trainer, [&](auto& training) {
    require(path, "path");
    idl::write_training(training.context, training.model, training.optimizer, path);
  });
}

idl_status idl_trainer_load(idl_trainer* trainer, const char* path) {
  return with_training(trainer, [&](auto& training) {
    require(path, "path");
    idl::read_training(training.context, training.model, training.optimizer, path);
  });
}
