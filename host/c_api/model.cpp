// SPDX-License-Identifier: MIT
#include "idl/c_api.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "host/c_api/handles.hpp"
#include "host/options/validate.hpp"
#include "host/train/optimizer_program.hpp"
#include "idl/shortfall.hpp"
#include "idl/version.hpp"

namespace idl::c_api {

std::string& last_error() {
  thread_local std::string text;
  return text;
}

namespace {

/// Of a matrix of `rows` rows and `cols` columns with elements of T.
template <class T>
void check_leading_dimension(std::int64_t ld, std::int64_t rows, std::int64_t cols,
                             const char* name) {
  IDL_CHECK(ld >= rows, std::string(name) + " is " + std::to_string(ld) +
                            ", it must be at least the number of rows, " + std::to_string(rows));
  constexpr auto k_most = std::numeric_limits<std::int64_t>::max() / std::int64_t{sizeof(T)};
  IDL_CHECK(cols == 0 || ld <= k_most / cols, std::string(name) + " is " + std::to_string(ld) +
                                                  ", and times " + std::to_string(cols) +
                                                  " columns that is more than can be addressed");
}

// C lets any number pass for an enumeration.
void check_memory(idl_memory memory) {
  IDL_CHECK(memory == IDL_MEMORY_HOST || memory == IDL_MEMORY_DEVICE,
            "memory is " + std::to_string(static_cast<int>(memory)) +
                ", it may be IDL_MEMORY_HOST or IDL_MEMORY_DEVICE");
}
void check_precision(idl_precision precision) {
  IDL_CHECK(precision == IDL_FLOAT32 || precision == IDL_FLOAT64,
            "precision is " + std::to_string(static_cast<int>(precision)) +
                ", it may be IDL_FLOAT32 or IDL_FLOAT64");
}

/// The caller's host matrix without the gaps between its columns.
template <class T>
std::vector<T> contiguous(const void* data, std::int64_t rows, std::int64_t cols, std::int64_t ld) {
  const T* source = static_cast<const T*>(data);
  std::vector<T> values;
  values.reserve(static_cast<std::size_t>(rows * cols));
  for (std::int64_t j = 0; j < cols; ++j)
    values.insert(values.end(), source + j * ld, source + j * ld + rows);
  return values;
}

/// predict_into() by way of matrices on the device.
template <class T>
void predict_from_host(idl_context& handle, const ImplicitModel<T>& model, ConstMatrixView<T> U,
                       MatrixView<T> Y, std::optional<MatrixView<T>> X,
                       const SolverOptions& options) {
  Context& context = handle.context;
  const std::vector<T> values = contiguous<T>(U.data, U.rows, U.cols, U.ld);
  const auto inputs = Matrix<T>::from_host(context, U.rows, U.cols, values);
  Matrix<T> outputs(context, Y.rows, Y.cols);
  Matrix<T> states(context, X ? X->rows : 0, U.cols);
  model.predict_into(context, inputs, outputs, X ? std::optional(states.view()) : std::nullopt,
                     handle.report, options);
  const auto deliver = [&](const Matrix<T>& from, const MatrixView<T>& to) {
    const std::vector<T> contents = download(context, from);
    for (index_t j = 0; j < to.cols; ++j)
      std::copy_n(contents.begin() + j * to.rows, to.rows, to.data + j * to.ld);
  };
  deliver(outputs, Y);
  if (X) deliver(states, *X);
}

/// Of the last prediction, whose outputs are `Y`.
template <class T>
Shortfall shortfall_in(idl_context& handle, const MatrixView<T>& Y) {
  if (Y.device == Device::cpu() && Y.ld == Y.rows)
    return shortfall_of(handle.report,
                        std::span<const T>(Y.data, static_cast<std::size_t>(Y.rows * Y.cols)));
  const std::vector<T> values = Y.device == Device::cpu()
                                    ? contiguous<T>(Y.data, Y.rows, Y.cols, Y.ld)
                                    : download(handle.context, ConstMatrixView<T>(Y));
  return shortfall_of(handle.report, std::span<const T>(values));
}

template <class T>
void predict(idl_context& handle, const ImplicitModel<T>& model, std::int64_t m, const void* U,
             std::int64_t ldu, void* Y, std::int64_t ldy, void* X, std::int64_t ldx,
             idl_memory memory, const idl_solver_options* options, idl_sample_report* reports) {
  const ModelShape& shape = model.shape();
  check_number("m", m, ranges::k_not_negative);
  const SolverOptions solver = solver_options(options);
  if (m == 0) return;
  require(U, "U");
  require(Y, "Y");
  check_leading_dimension<T>(ldu, shape.inputs, m, "ldu");
  check_leading_dimension<T>(ldy, shape.outputs, m, "ldy");
  if (X != nullptr) check_leading_dimension<T>(ldx, shape.states, m, "ldx");
  const Device device = handle.context.device();
  const Device place = memory == IDL_MEMORY_HOST ? Device::cpu() : device;
  const ConstMatrixView<T> inputs{static_cast<const T*>(U), shape.inputs, m, ldu, place};
  const MatrixView<T> outputs{static_cast<T*>(Y), shape.outputs, m, ldy, place};
  std::optional<MatrixView<T>> states;
  if (X != nullptr) states = MatrixView<T>{static_cast<T*>(X), shape.states, m, ldx, place};
  if (place == device) {
    model.predict_into(handle.context, inputs, outputs, states, handle.report, solver);
  } else {
    predict_from_host(handle, model, inputs, outputs, states, solver);
  }
  const SolveReport& report = handle.report;
  if (reports == nullptr) {  // who is not told by them is told by the status
    const Shortfall shortfall = shortfall_in(handle, outputs);
    if (shortfall.any()) throw NotConverged(shortfall.text());
    return;
  }
  for (std::size_t j = 0; j < report.status.size(); ++j)
    reports[j] = {.status = static_cast<std::int32_t>(report.status[j]),
                  .iterations = report.iterations[j],
                  .step = report.step[j],
                  .residual = report.residual[j],
                  .error_bound = report.error_bound[j],
                  .fallbacks = report.fallbacks[j],
                  .low_precision_iterations = report.low_precision_iterations[j]};
}

/// Waits for the step. @throws NotFinite where it, or one before that was not waited for, met
/// numbers that are not finite
template <class T>
void tell_outcome(TrainingState<T>& state, double* loss, double* accuracy) {
  Context& context = state.context;
  const LossFigures figures = state.step.wait_for_losses();
  const auto samples = static_cast<double>(figures.samples);
  if (loss != nullptr) *loss = figures.loss_sum / samples;
  if (accuracy != nullptr) *accuracy = figures.correct / samples;
  const bool left_out = state.optimizer.take_left_out(context);
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
void train_step(TrainingState<T>& state, const void* U, std::int64_t ldu,
                const std::int32_t* labels, idl_memory memory, double* loss, double* accuracy) {
  Context& context = state.context;
  const ModelShape& shape = state.model.shape();
  TrainingStep<T>& step = state.step;
  const index_t m = step.samples();
  check_leading_dimension<T>(ldu, shape.inputs, m, "ldu");
  if (memory == IDL_MEMORY_HOST) {
    for (index_t j = 0; j < m; ++j)
      IDL_CHECK(labels[j] >= 0 && labels[j] < shape.outputs,
                "labels[" + std::to_string(j) + "] is " + std::to_string(labels[j]) +
                    ", expected 0 to " + std::to_string(shape.outputs - 1));
    const std::vector<T> values = contiguous<T>(U, shape.inputs, m, ldu);
    upload<T>(context, values, step.U());
    upload<std::int32_t>(context, std::span(labels, static_cast<std::size_t>(m)), step.labels());
  } else {
    copy<T>(context, {static_cast<const T*>(U), shape.inputs, m, ldu, context.device()}, step.U());
    step.take_labels(labels);
  }
  OptimizerProgram<T>::prepare_step(state.optimizer, context, 1.0);
  step.launch();
  if (loss != nullptr || accuracy != nullptr) tell_outcome(state, loss, accuracy);
}

template <class T>
std::unique_ptr<idl_trainer> make_trainer(Context& context, ImplicitModel<T>& model, std::int64_t m,
                                          double learning_rate, const idl_solver_options* options) {
  check_number("m", m, ranges::k_positive_count);
  Optimizer<T> optimizer(context, model, {.learning_rate = learning_rate});
  TrainingStep<T> step(context, model, m, LossKind::softmax_cross_entropy, solver_options(options),
                       optimizer);
  return std::unique_ptr<idl_trainer>(
      new idl_trainer{TrainingState<T>{.context = context,
                                       .model = model,
                                       .optimizer = std::move(optimizer),
                                       .step = std::move(step)}});
}

template <class Model>
Model create_model(idl_context* context, std::int64_t states, std::int64_t inputs,
                   std::int64_t outputs, const char* activation, double kappa, int32_t bias,
                   std::uint64_t seed) {
  const ModelOptions options{
      .activation = parse_activation(activation),
      .well_posedness = kappa == 0.0 ? WellPosedness::none() : WellPosedness::inf_norm_ball(kappa),
      .bias = bias != 0};
  return Model(context->context, {states, inputs, outputs}, options, seed);
}

}  // namespace
}  // namespace idl::c_api

using idl::c_api::guarded;
using idl::c_api::require;

const char* idl_version(void) { return idl::version(); }
const char* idl_last_error(void) { return idl::c_api::last_error().c_str(); }

idl_status idl_context_create(const char* device, void* stream, idl_context** context) {
  return idl_context_create_with_threads(device, stream, 0, context);
}

idl_status idl_context_create_with_threads(const char* device, void* stream, int32_t threads,
                                           idl_context** context) {
  return guarded([&] {
    require(device, "device");
    require(context, "context");
    *context = nullptr;
    *context = new idl_context{
        idl::Context(idl::ContextOptions{.device = idl::parse_device(device),
                                         .stream = static_cast<CUstream_st*>(stream),
                                         .log = {},
                                         .threads = threads})};
  });
}

void idl_context_destroy(idl_context* context) { delete context; }

int32_t idl_context_is_cuda(const idl_context* context) {
  return context != nullptr && context->context.device().kind == idl::DeviceKind::cuda ? 1 : 0;
}

idl_status idl_context_synchronize(idl_context* context) {
  return guarded([&] {
    require(context, "context");
    context->context.synchronize();
  });
}

idl_status idl_model_create(idl_context* context, idl_precision precision, int64_t states,
                            int64_t inputs, int64_t outputs, const char* activation, double kappa,
                            int32_t bias, uint64_t seed, idl_model** model) {
  return guarded([&] {
    require(context, "context");
    require(activation, "activation");
    require(model, "model");
    *model = nullptr;
    idl::c_api::check_precision(precision);
    const auto make = [&]<class T>() {
      return idl::c_api::create_model<idl::ImplicitModel<T>>(context, states, inputs, outputs,
                                                             activation, kappa, bias, seed);
    };
    *model = precision == IDL_FLOAT64 ? new idl_model{make.operator()<double>()}
                                      : new idl_model{make.operator()<float>()};
  });
}

idl_status idl_model_load(idl_context* context, const char* path, idl_precision precision,
                          idl_model** model) {
  return idl_model_load_with(context, path, precision, nullptr, model);
}

idl_status idl_model_load_with(idl_context* context, const char* path, idl_precision precision,
                               const idl_load_options* options, idl_model** model) {
  return guarded([&] {
    require(context, "context");
    require(path, "path");
    require(model, "model");
    *model = nullptr;
    idl::c_api::check_precision(precision);
    const idl::LoadOptions load = idl::c_api::load_options(options);
    *model = precision == IDL_FLOAT64
                 ? new idl_model{idl::load_model<double>(context->context, path, load)}
                 : new idl_model{idl::load_model<float>(context->context, path, load)};
  });
}

idl_status idl_model_save(idl_context* context, const idl_model* model, const char* path) {
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    require(path, "path");
    std::visit([&](const auto& typed) { idl::save_model(context->context, typed, path); },
               model->model);
  });
}

void idl_model_destroy(idl_model* model) { delete model; }

idl_status idl_model_sizes(const idl_model* model, int64_t* states, int64_t* inputs,
                           int64_t* outputs, idl_precision* precision) {
  return guarded([&] {
    require(model, "model");
    const idl::ModelShape shape =
        std::visit([](const auto& typed) { return typed.shape(); }, model->model);
    if (states != nullptr) *states = shape.states;
    if (inputs != nullptr) *inputs = shape.inputs;
    if (outputs != nullptr) *outputs = shape.outputs;
    if (precision != nullptr) *precision = model->model.index() == 1 ? IDL_FLOAT64 : IDL_FLOAT32;
  });
}

idl_status idl_model_predict(idl_context* context, const idl_model* model, int64_t m, const void* U,
                             int64_t ldu, void* Y, int64_t ldy, void* X, int64_t ldx,
                             idl_memory memory, const idl_solver_options* options,
                             idl_sample_report* reports) {
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    idl::c_api::check_memory(memory);
    std::visit(
        [&](const auto& typed) {
          idl::c_api::predict(*context, typed, m, U, ldu, Y, ldy, X, ldx, memory, options, reports);
        },
        model->model);
  });
}

idl_status idl_trainer_create(idl_context* context, idl_model* model, int64_t m,
                              double learning_rate, const idl_solver_options* options,
                              idl_trainer** trainer) {
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    require(trainer, "trainer");
    *trainer = nullptr;
    *trainer = std::visit(
        [&](auto& typed) {
          return idl::c_api::make_trainer(context->context, typed, m, learning_rate, options)
              .release();
        },
        model->model);
  });
}

void idl_trainer_destroy(idl_trainer* trainer) { delete trainer; }

idl_status idl_trainer_step(idl_trainer* trainer, const void* U, int64_t ldu, const int32_t* labels,
                            idl_memory memory, double* loss, double* accuracy) {
  return guarded([&] {
    require(trainer, "trainer");
    require(U, "U");
    require(labels, "labels");
    idl::c_api::check_memory(memory);
    std::visit(
        [&](auto& state) { idl::c_api::train_step(state, U, ldu, labels, memory, loss, accuracy); },
        trainer->state);
  });
}
