// SPDX-License-Identifier: MIT
#include "idl/optimizer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "host/backend_of.hpp"
#include "host/model/structure/structure.hpp"
#include "host/options/validate.hpp"
#include "host/sparse/sparse_pattern.hpp"
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
  std::vector<MatrixView<T>> frozen;  ///< room for the tensors of frozen_tensors()
};

/// Those of the matrices that options.frozen names.
std::vector<ParameterTensor> frozen_tensors(const OptimizerOptions& options,
                                            const ParameterLayout& layout) {
  std::vector<ParameterTensor> tensors;
  if (options.frozen.empty()) return tensors;
  for (std::size_t begin = 0; begin <= options.frozen.size();) {
    const std::size_t end = std::min(options.frozen.find(',', begin), options.frozen.size());
    const std::string name = options.frozen.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t before = tensors.size();
    for (const ParameterTensor& tensor : layout.tensors)
      if (tensor.name == name || tensor.name == name + ".values") tensors.push_back(tensor);
    IDL_CHECK(tensors.size() > before, "optimizer: '" + name + "' of frozen = \"" + options.frozen +
                                           "\" is no matrix of the model");
  }
  return tensors;
}

/// @throws InvalidArgument where a moment of the caller's does not fit M
template <class T>
void check_moment(const std::string& name, ConstMatrixView<T> moment, index_t rows, index_t cols,
                  Device device) {
  const auto size = [](index_t r, index_t c) {
    return std::to_string(r) + "x" + std::to_string(c);
  };
  IDL_CHECK(moment.rows == rows && moment.cols == cols, "optimizer: the " + name + " moment is " +
                                                            size(moment.rows, moment.cols) +
                                                            ", expected " + size(rows, cols));
  IDL_CHECK(rows == 0 || moment.device == device, "optimizer: the " + name + " moment is on " +
                                                      to_string(moment.device) + ", the model on " +
                                                      to_string(device));
}

/// Factors of a step of the rule itself; the threshold of the proximal operator comes after them.
index_t factors_of(OptimizerKind kind) { return kind == OptimizerKind::sgd ? 1 : 3; }

/// What changes from step to step, for step `step` >= 1.
template <class T>
StoreValues<T> store_schedule(const OptimizerOptions& options, VectorView<T> schedule,
                              std::int64_t step, double learning_rate_factor) {
  const double learning_rate = options.learning_rate * learning_rate_factor;
  const auto threshold = static_cast<T>(learning_rate * options.prox);
  if (options.kind == OptimizerKind::sgd)
    return {.to = schedule, .values = {static_cast<T>(learning_rate), threshold}};
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
  return {.to = schedule,
          .values = {factors.step_size, factors.root_correction2, factors.keep, threshold}};
}

/// The projection with the proximal operator of the ℓ1 norm before it. Where rows have no ball, the
/// operator is a step of its own, as that in a ball which holds every row.
template <class T>
Sequence add_prox(Projection<T>& projection, VectorView<const T> threshold,
                  const Structure<T>& structure, MatrixView<T> M) {
  const auto take = [&](auto& rows) {
    rows.schedule = threshold;
    return Sequence{};
  };
  if (auto* rows = std::get_if<ProjectRowsL1<T>>(&projection)) return take(*rows);
  if (auto* rows = std::get_if<ProjectCsrRowsL1<T>>(&projection)) return take(*rows);
  constexpr T k_every_row = std::numeric_limits<T>::infinity();
  if (const SparsePattern* pattern = structure.pattern("A"))
    return {
        ProjectCsrRowsL1<T>{.A = pattern->writable(structure.layout().at("A.values").of(M).data),
                            .radius = k_every_row,
                            .schedule = threshold}};
  return {ProjectRowsL1<T>{
      .A = structure.layout().at("A").of(M), .radius = k_every_row, .schedule = threshold}};
}

/// The rule's step of M by dM.
template <class T>
std::variant<AdamUpdate<T>, SgdUpdate<T>> update_of(const OptimizerOptions& options,
                                                    const Buffers<T>& buffers, MatrixView<T> M,
                                                    ConstMatrixView<T> dM) {
  const VectorView<T> schedule = buffers.schedule.range(0, factors_of(options.kind));
  if (options.kind == OptimizerKind::sgd)
    return SgdUpdate<T>{.M = M,
                        .dM = dM,
                        .velocity = buffers.first,
                        .momentum = options.momentum,
                        .weight_decay = options.weight_decay,
                        .nesterov = options.nesterov,
                        .schedule = schedule,
                        .left_out = buffers.left_out};
  return AdamUpdate<T>{.M = M,
                       .dM = dM,
                       .m1 = buffers.first,
                       .m2 = buffers.second,
                       .beta1 = options.beta1,
                       .beta2 = options.beta2,
                       .epsilon = options.epsilon,
                       .weight_decay = options.weight_decay,
                       .decoupled = options.kind == OptimizerKind::adamw,
                       .schedule = schedule,
                       .left_out = buffers.left_out};
}

/// A step, and the model back in its set after it.
template <class T>
Sequence update_steps(const OptimizerOptions& options, const Buffers<T>& buffers,
                      ImplicitModel<T>& model, ConstMatrixView<T> dM) {
  const Structure<T>& structure = structure_of(model);
  const WellPosedness& constraint = model.options().well_posedness;
  UpdateParameters<T> step = {.update = update_of(options, buffers, model.M(), dM),
                              .projection = structure.projection(constraint, model.M())};
  Sequence prox;
  const VectorView<T> threshold = buffers.schedule.range(factors_of(options.kind), 1);
  if (options.prox > 0)
    prox =
        add_prox<T>(step.projection, {threshold.data, 1, threshold.device}, structure, model.M());
  // A dense A beside sparse matrices lies in the one column of M, and is projected by itself.
  const auto is_block = [&](const auto& projection) {
    if constexpr (requires { projection.A.ld; }) return projection.A.ld == model.M().ld;
    return true;
  };
  Sequence apart;
  if (!std::visit(is_block, step.projection))
    apart = steps_of(std::exchange(step.projection, std::monostate{}));
  Sequence sequence;
  const auto frozen = frozen_tensors(options, structure.layout());
  for (std::size_t k = 0; k < frozen.size(); ++k)
    sequence.push_back(CopyMatrix<T>{.X = frozen[k].of(model.M()), .Y = buffers.frozen[k]});
  sequence.push_back(step);
  append(sequence, apart);
  append(sequence, prox);
  append(sequence, steps_of(structure.projection_of_L(constraint, model.M())));
  for (std::size_t k = 0; k < frozen.size(); ++k)
    sequence.push_back(CopyMatrix<T>{.X = buffers.frozen[k], .Y = frozen[k].of(model.M())});
  append(sequence, structure.clear_unused(model.M()));
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
                        const OptimizerOptions& options, MatrixView<T> first, MatrixView<T> second)
    : options_(options), first_(first), second_(second) {
  validate(options);
  IDL_CHECK(options.prox == 0.0 || !model.options().rank,
            "optimizer: prox is " + std::to_string(options.prox) +
                ", but A is L R^T, whose entries are no parameters");
  const ConstMatrixView<T> M = model.M();
  const bool has_second = options.kind != OptimizerKind::sgd;
  check_moment<T>("first", first, M.rows, M.cols, M.device);
  check_moment<T>("second", second, has_second ? M.rows : 0, has_second ? M.cols : 0, M.device);
  schedule_ = Vector<T>(context, factors_of(options.kind) + 1);
  left_out_ = Vector<std::int32_t>::from_host(context, std::array<std::int32_t, 1>{0});
  for (const ParameterTensor& tensor : frozen_tensors(options, model.layout()))
    frozen_.emplace_back(context, tensor.rows, tensor.cols);
}

template <class T>
Optimizer<T>::Optimizer(Context& context, const ImplicitModel<T>& model,
                        const OptimizerOptions& options, Moments own)
    : Optimizer(context, model, options, own.first.view(), own.second.view()) {
  own_ = std::move(own);
}

template <class T>
Optimizer<T>::Optimizer(Context& context, const ImplicitModel<T>& model,
                        const OptimizerOptions& options)
    : Optimizer(context, model, options,
                Moments{Matrix<T>::zeros(context, model.M().rows, model.M().cols),
                        options.kind == OptimizerKind::sgd
                            ? Matrix<T>()
                            : Matrix<T>::zeros(context, model.M().rows, model.M().cols)}) {}

template <class T>
Optimizer<T>::Optimizer(Context& context, const ImplicitRnn<T>& model,
                        const OptimizerOptions& options)
    : Optimizer(context, model.cell(), options) {
  const ConstMatrixView<T> head = model.head();
  head_first_ = Matrix<T>::zeros(context, head.rows, head.cols);
  if (options.kind != OptimizerKind::sgd)
    head_second_ = Matrix<T>::zeros(context, head.rows, head.cols);
}

template <class T>
void Optimizer<T>::set_steps(std::int64_t steps) {
  constexpr std::int64_t k_most = std::int64_t{1} << 53;  // as many as double can count
  IDL_CHECK(steps >= 0 && steps < k_most, "Optimizer: " + std::to_string(steps) +
                                              " steps taken, expected a whole number in [0, 2^53)");
  steps_ = steps;
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
Sequence detail::Inside<Optimizer<T>>::steps(Optimizer<T>& optimizer, ImplicitModel<T>& model,
                                             ConstMatrixView<T> dM) {
  const Buffers<T> buffers = {.first = optimizer.first_,
                              .second = optimizer.second_,
                              .schedule = optimizer.schedule_,
                              .left_out = optimizer.left_out_,
                              .frozen = {optimizer.frozen_.begin(), optimizer.frozen_.end()}};
  return update_steps<T>(optimizer.options_, buffers, model, dM);
}

template <class T>
Sequence detail::Inside<Optimizer<T>>::steps(Optimizer<T>& optimizer, ImplicitRnn<T>& model,
                                             ConstMatrixView<T> dM, ConstMatrixView<T> d_head) {
  Sequence sequence = steps(optimizer, model.cell(), dM);
  if (model.head().rows == 0) return sequence;
  const Buffers<T> buffers = {.first = optimizer.head_first_,
                              .second = optimizer.head_second_,
                              .schedule = optimizer.schedule_,
                              .left_out = optimizer.left_out_,
                              .frozen = {}};
  sequence.push_back(
      UpdateParameters<T>{.update = update_of(optimizer.options_, buffers, model.head(), d_head)});
  return sequence;
}

template <class T>
void detail::Inside<Optimizer<T>>::run(Optimizer<T>& optimizer, Context& context,
                                       const Sequence& steps, double learning_rate_factor) {
  check_number("learning_rate_factor", learning_rate_factor, NumberRange{});
  Sequence sequence = {store_schedule<T>(optimizer.options_, optimizer.schedule_,
                                         optimizer.steps_ + 1, learning_rate_factor)};
  append(sequence, steps);
  backend_of(context)->run_in_order(sequence);
  ++optimizer.steps_;
}

template <class T>
void Optimizer<T>::step(Context& context, ImplicitModel<T>& model, ConstMatrixView<T> dM,
                        double learning_rate_factor) {
  OptimizerProgram<T>::run(*this, context, OptimizerProgram<T>::steps(*this, model, dM),
                           learning_rate_factor);
}

template <class T>
void Optimizer<T>::step(Context& context, ImplicitRnn<T>& model, ConstMatrixView<T> dM,
                        ConstMatrixView<T> d_head, double learning_rate_factor) {
  OptimizerProgram<T>::run(*this, context, OptimizerProgram<T>::steps(*this, model, dM, d_head),
                           learning_rate_factor);
}

template class Optimizer<float>;
template class Optimizer<double>;
template struct detail::Inside<Optimizer<float>>;
template struct detail::Inside<Optimizer<double>>;

}  // namespace idl
