// SPDX-License-Identifier: MIT
// Optimisers over the caller's gradients, and moments where he has them.
#include <variant>

#include "host/c_api/arrays.hpp"
#include "host/c_api/handles.hpp"
#include "host/c_api/structs.hpp"
#include "host/options/validate.hpp"
#include "idl/optimizer.hpp"

namespace idl::c_api {

template <class T>
struct OwnOptimizer {
  Context& context;
  ImplicitModel<T>& model;
  Optimizer<T> optimizer;
  Matrix<T> gradient{};  ///< of a dM from elsewhere, when there first is one
};

namespace {

template <class T>
OwnOptimizer<T> make_optimizer(idl_context& context, ImplicitModel<T>& model,
                               const idl_trainer_settings& settings, void* first, void* second,
                               std::int64_t ldm) {
  const OptimizerOptions options = optimizer_options(settings);
  if (first == nullptr && second == nullptr)
    return {context.context, model, Optimizer<T>(context.context, model, options)};
  const Arrays arrays(context.context, IDL_MEMORY_DEVICE);
  const ConstMatrixView<T> M = model.M();
  const MatrixView<T> first_view = arrays.out<T>({"first", "ldm"}, first, M.rows, M.cols, ldm);
  MatrixView<T> second_view{};
  if (options.kind != OptimizerKind::sgd)
    second_view = arrays.out<T>({"second", "ldm"}, second, M.rows, M.cols, ldm);
  else
    IDL_CHECK(second == nullptr, "second is given, but sgd has one moment");
  return {context.context, model,
          Optimizer<T>(context.context, model, options, first_view, second_view)};
}

template <class T>
void step(OwnOptimizer<T>& state, const Arrays& arrays, const void* dM, std::int64_t lddm,
          double learning_rate, std::int64_t number) {
  check_learning_rate(learning_rate);
  check_number("step", number, ranges::k_positive_count);
  const ConstMatrixView<T> M = state.model.M();
  ConstMatrixView<T> gradient = arrays.in<T>({"dM", "lddm"}, dM, M.rows, M.cols, lddm);
  if (!arrays.on_device()) {
    if (state.gradient.rows() != M.rows || state.gradient.cols() != M.cols)
      state.gradient = Matrix<T>(state.context, M.rows, M.cols);
    arrays.put(gradient, state.gradient.view());
    gradient = state.gradient.view();
  }
  state.optimizer.set_steps(number - 1);
  state.optimizer.step(state.context, state.model, gradient, learning_rate);
}

}  // namespace
}  // namespace idl::c_api

struct idl_optimizer {
  std::variant<idl::c_api::OwnOptimizer<float>, idl::c_api::OwnOptimizer<double>> state;
};

using idl::c_api::guarded;
using idl::c_api::require;

idl_status idl_optimizer_create(idl_context* context, idl_model* model,
                                const idl_trainer_settings* settings, void* first, void* second,
                                int64_t ldm, idl_optimizer** optimizer) {
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    require(optimizer, "optimizer");
    *optimizer = nullptr;
    const auto given = idl::c_api::read_struct(settings, "idl_trainer_settings");
    *optimizer = std::visit(
        [&](auto& typed) {
          return new idl_optimizer{
              idl::c_api::make_optimizer(*context, typed, given, first, second, ldm)};
        },
        model->model);
  });
}

void idl_optimizer_destroy(idl_optimizer* optimizer) { delete optimizer; }

idl_status idl_optimizer_step(idl_optimizer* optimizer, const void* dM, int64_t lddm,
                              idl_memory memory, double learning_rate, int64_t step,
                              int32_t* left_out) {
  return guarded([&] {
    require(optimizer, "optimizer");
    std::visit(
        [&](auto& state) {
          idl::c_api::step(state, idl::c_api::Arrays(state.context, memory), dM, lddm,
                           learning_rate, step);
          if (left_out != nullptr) *left_out = state.optimizer.take_left_out(state.context) ? 1 : 0;
        },
        optimizer->state);
  });
}
