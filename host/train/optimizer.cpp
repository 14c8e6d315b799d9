// SPDX-License-Identifier: MIT
#include "idl/optimizer.hpp"

#include <array>
#include <cmath>
#include <numbers>

#include "host/backend_of.hpp"
#include "host/model/structure/structure.hpp"
#include "host/options/validate.hpp"
#include "host/train/optimizer_program.hpp"
#include "idl/error.hpp"
#include "kernels/backend.hpp"
#include "kernels/optimiser_factors.hpp"

namespace idl {
namespace {

/// What an optimiser keeps on the device.
template <class T>
struct Buffers {
  MatrixView<T> first;
  MatrixView<T> second;
  VectorView<T> schedule;  ///< the factors of the step: the same sequence serves every time
  VectorView<std::int32_t> left_out;
};

/// What changes from step to step, for step `step` >= 1.
template <class T>
StoreValues<T> store_schedule(const OptimizerOptions& options, VectorView<T> schedule,
                              std::int64_t step, double learning_rate_factor) {
  const double learning_rate = options.learning_rate * learning_rate_factor;
  if (options.kind == OptimizerKind::sgd)
    return {.to = schedule, .values = {static_cast<T>(learning_rate)}};
  const AdamFactors<T> factors =
      adam_factors(AdamUpdate<T>{.M = {},
                                 .dM = {},
                                 .m1 = {},
                                 .m2 = {},
                                 .learning_rate = learning_rate,
                                 .beta1 = options.beta1,
                                 .beta2 = options.beta2,
                                 .weight_decay = options.weight_decay,
                                 .decoupled = options.kind == OptimizerKind::adamw,
                                 .step = step});
  return {.to = schedule, .values = {factors.step_size, factors.root_correction2, factors.keep}};
}

/// A step, and the model back in its set after it.
template <class T>
Sequence update_steps(const OptimizerOptions& options, const Buffers<T>& buffers,
                      ImplicitModel<T>& model, ConstMatrixView<T> dM) {
  UpdateParameters<T> step = {
      .update = {},
      .projection = structure_of(model).projection(model.options().well_posedness, model.M())};
  if (options.kind == OptimizerKind::sgd) {
    step.update = SgdUpdate<T>{.M = model.M(),
                               .dM = dM,
                               .velocity = buffers.first,
                               .momentum = options.momentum,
                               .weight_decay = options.weight_decay,
                               .nesterov = options.nesterov,
                               .schedule = buffers.schedule,
                               .left_out = buffers.left_out};
  } else {
    step.update = AdamUpdate<T>{.M = model.M(),
                                .dM = dM,
                                .m1 = buffers.first,
                                .m2 = buffers.second,
                                .beta1 = options.beta1,
                                .beta2 = options.beta2,
                                .epsilon = options.epsilon,
                                .weight_decay = options.weight_decay,
                                .decoupled = options.kind == OptimizerKind::adamw,
                                .schedule = buffers.schedule,
                                .left_out = buffers.left_out};
  }
  Sequence sequence = {step};
  append(sequence, structure_of(model).clear_unused(model.M()));
  return sequence;
}

}  // namespace

double Schedule::factor(std::int64_t epoch, std::int64_t step, std::int64_t total_steps) const {
  validate(*this);
  switch (kind) {
    case ScheduleKind::constant:
      return 1.0;
    case ScheduleKind::step:
      return std::pow(gamma, static_cast<double>(epoch / period));
    case ScheduleKind::cosine: {
      const double progress =
          total_steps > 0 ? static_cast<double>(step) / static_cast<double>(total_steps) : 0.0;
      return floor + (1.0 - floor) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
    }
  }
  return 1.0;
}

template <class T>
Optimizer<T>::Optimizer(Context& context, const ImplicitModel<T>& model,
                        const OptimizerOptions& options)
    : options_(options) {
  validate(options);
  const ConstMatrixView<T> M = model.M();
  first_ = Matrix<T>::zeros(context, M.rows, M.cols);
  if (options.kind != OptimizerKind::sgd) second_ = Matrix<T>::zeros(context, M.rows, M.cols);
  schedule_ = Vector<T>(context, options.kind == OptimizerKind::sgd ? 1 : 3);
  left_out_ = Vector<std::int32_t>::from_host(context, std::array<std::int32_t, 1>{0});
}

template <class T>
bool Optimizer<T>::take_left_out(Context& context) {
  if (download(context, left_out_).front() == 0) return false;
  upload<std::int32_t>(context, std::array<std::int32_t, 1>{0}, left_out_.view());
  return true;
}

template <class T>
void detail::Inside<Optimizer<T>>::prepare_step(Optimizer<T>& optimizer, Context& context,
                                                double learning_rate_factor) {
  backend_of(context)->run(store_schedule<T>(optimizer.options_, optimizer.schedule_,
                                             optimizer.steps_ + 1, learning_rate_factor));
  ++optimizer.steps_;
}

template <class T>
std::shared_ptr<Program> detail::Inside<Optimizer<T>>::compile(Optimizer<T>& optimizer,
                                                               Context& context,
                                                               ImplicitModel<T>& model,
                                                               ConstMatrixView<T> dM) {
  return backend_of(context)->compile(update_steps<T>(
      optimizer.options_,
      {optimizer.first_, optimizer.second_, optimizer.schedule_, optimizer.left_out_}, model, dM));
}

template <class T>
void Optimizer<T>::step(Context& context, ImplicitModel<T>& model, ConstMatrixView<T> dM,
                        double learning_rate_factor) {
  Sequence sequence = {store_schedule<T>(options_, schedule_, steps_ + 1, learning_rate_factor)};
  for (const Primitive& step :
       update_steps<T>(options_, {first_, second_, schedule_, left_out_}, model, dM))
    sequence.push_back(step);
  backend_of(context)->run_in_order(sequence);
  ++steps_;
}

template class Optimizer<float>;
template class Optimizer<double>;
template struct detail::Inside<Optimizer<float>>;
template struct detail::Inside<Optimizer<double>>;

}  // namespace idl
