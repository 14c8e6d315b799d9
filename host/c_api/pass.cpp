// SPDX-License-Identifier: MIT
// Forward and backward passes over the caller's arrays.
#include <optional>
#include <string>

#include "host/c_api/arrays.hpp"
#include "host/c_api/handles.hpp"
#include "host/c_api/structs.hpp"
#include "host/model/pass_parts.hpp"
#include "host/options/validate.hpp"
#include "idl/batch_pass.hpp"

namespace idl::c_api {

template <class T>
struct Pass {
  Context& context;
  ModelShape shape;
  BatchPassOptions options;
  BatchPass<T> pass;
  bool has_state = false;  ///< forward or restore has been called
  Matrix<T> start{};       ///< of an X0 from elsewhere, when there first is one
  SolveReport report{};    ///< of the last solve, whose memory the next one uses
};

namespace {

/// A matrix of a call that is read.
struct Input {
  const void* data;
  std::int64_t ld;
};

/// The operands of forward.
struct ForwardCall {
  Input U;
  Input X0;
  void* Y;
  std::int64_t ldy;
  void* X;
  std::int64_t ldx;
  idl_sample_report* reports;
};

/// The operands of backward.
struct BackwardCall {
  Input dY;
  void* dM;
  std::int64_t lddm;
  void* dU;
  std::int64_t lddu;
  idl_sample_report* reports;
};

template <class T>
void start(Pass<T>& state, const Arrays& arrays, std::optional<ConstMatrixView<T>> X0) {
  if (!X0 || arrays.on_device()) {
    state.pass.start_from(X0);
    return;
  }
  if (state.start.rows() == 0) state.start = Matrix<T>(state.context, X0->rows, X0->cols);
  arrays.put(*X0, state.start.view());
  state.pass.start_from(state.start.view());
}

template <class T>
void forward(Pass<T>& state, const Arrays& arrays, const ForwardCall& call) {
  const auto& [n, p, q] = state.shape;
  const index_t m = state.pass.samples();
  const auto U = arrays.in<T>({"U", "ldu"}, call.U.data, p, m, call.U.ld);
  std::optional<ConstMatrixView<T>> X0;
  if (call.X0.data != nullptr) X0 = arrays.in<T>({"X0", "ldx0"}, call.X0.data, n, m, call.X0.ld);
  MatrixView<T> Y{nullptr, 0, m, 0, arrays.place()};
  if (call.Y != nullptr) Y = arrays.out<T>({"Y", "ldy"}, call.Y, q, m, call.ldy);
  std::optional<MatrixView<T>> X;
  if (call.X != nullptr) X = arrays.out<T>({"X", "ldx"}, call.X, n, m, call.ldx);
  state.has_state = false;
  arrays.put(U, PassParts<T>::stacked_U(state.pass));
  start(state, arrays, X0);
  state.pass.forward(state.report);
  state.has_state = true;
  if (call.Y != nullptr) arrays.get(state.pass.Y(), Y);
  if (X) arrays.get(state.pass.X(), *X);
  state.context.synchronize();
  tell_solve(state.context, state.report, Y, call.reports);
}

template <class T>
void restore(Pass<T>& state, const Arrays& arrays, const Input& U, const Input& X) {
  const index_t m = state.pass.samples();
  const auto inputs = arrays.in<T>({"U", "ldu"}, U.data, state.shape.inputs, m, U.ld);
  const auto states = arrays.in<T>({"X", "ldx"}, X.data, state.shape.states, m, X.ld);
  state.has_state = false;
  arrays.put(inputs, PassParts<T>::stacked_U(state.pass));
  PassParts<T>::prepare(state.pass);
  arrays.put(states, PassParts<T>::stacked_X(state.pass));
  state.context.synchronize();
  state.has_state = true;
}

template <class T>
void backward(Pass<T>& state, const Arrays& arrays, const BackwardCall& call) {
  IDL_CHECK(state.options.backward, "the pass was made forward_only: it has no backward");
  IDL_CHECK(call.dU == nullptr || state.options.input_gradient,
            "dU is asked for, but the pass was made without input_gradient");
  IDL_CHECK(state.has_state, "there is no state: idl_pass_forward or idl_pass_restore comes first");
  const index_t m = state.pass.samples();
  const auto dY = arrays.in<T>({"dY", "lddy"}, call.dY.data, state.shape.outputs, m, call.dY.ld);
  const ConstMatrixView<T> gradient = state.pass.dM();
  std::optional<MatrixView<T>> dM, dU;
  if (call.dM != nullptr)
    dM = arrays.out<T>({"dM", "lddm"}, call.dM, gradient.rows, gradient.cols, call.lddm);
  if (call.dU != nullptr)
    dU = arrays.out<T>({"dU", "lddu"}, call.dU, state.shape.inputs, m, call.lddu);
  arrays.put(dY, PassParts<T>::stacked_dY(state.pass));
  state.pass.backward(state.report);
  if (dM) arrays.get(gradient, *dM);
  if (dU) arrays.get(state.pass.dU(), *dU);
  state.context.synchronize();
  tell_solve(state.context, state.report, MatrixView<T>{nullptr, 0, m, 0, Device::cpu()},
             call.reports);
}

template <class T>
Pass<T> make_pass(idl_context& context, const ImplicitModel<T>& model, std::int64_t m,
                  const idl_pass_settings& settings) {
  check_number("m", m, ranges::k_positive_count);
  const BatchPassOptions options = {
      .solver = solver_options(context, settings.solver, settings.adjoint),
      .backward = settings.forward_only == 0,
      .input_gradient = settings.input_gradient != 0};
  IDL_CHECK(options.backward || !options.input_gradient,
            "forward_only and input_gradient are both set: a forward pass has no gradient");
  return {.context = context.context,
          .shape = model.shape(),
          .options = options,
          .pass = BatchPass<T>(context.context, model, m, options)};
}

}  // namespace
}  // namespace idl::c_api

struct idl_pass {
  std::variant<idl::c_api::Pass<float>, idl::c_api::Pass<double>> state;
};

using idl::c_api::Arrays;
using idl::c_api::guarded;
using idl::c_api::require;

namespace {

/// Runs body(state, arrays) for the pass in its precision.
template <class Body>
idl_status with_pass(idl_pass* pass, idl_memory memory, const Body& body) {
  return guarded([&] {
    require(pass, "pass");
    std::visit([&](auto& state) { body(state, Arrays(state.context, memory)); }, pass->state);
  });
}

}  // namespace

idl_status idl_pass_create(idl_context* context, const idl_model* model, int64_t m,
                           const idl_pass_settings* settings, idl_pass** pass) {
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    require(pass, "pass");
    *pass = nullptr;
    const auto given = idl::c_api::read_struct(settings, "idl_pass_settings");
    *pass = std::visit(
        [&](const auto& typed) {
          return new idl_pass{idl::c_api::make_pass(*context, typed, m, given)};
        },
        model->model);
  });
}

void idl_pass_destroy(idl_pass* pass) { delete pass; }

idl_status idl_pass_forward(idl_pass* pass, const void* U, int64_t ldu, const void* X0,
                            int64_t ldx0, void* Y, int64_t ldy, void* X, int64_t ldx,
                            idl_memory memory, idl_sample_report* reports) {
  return with_pass(pass, memory, [&](auto& state, const Arrays& arrays) {
    idl::c_api::forward(state, arrays, {{U, ldu}, {X0, ldx0}, Y, ldy, X, ldx, reports});
  });
}

idl_status idl_pass_restore(idl_pass* pass, const void* U, int64_t ldu, const void* X, int64_t ldx,
                            idl_memory memory) {
  return with_pass(pass, memory, [&](auto& state, const Arrays& arrays) {
    idl::c_api::restore(state, arrays, {U, ldu}, {X, ldx});
  });
}

idl_status idl_pass_backward(idl_pass* pass, const void* dY, int64_t lddy, void* dM, int64_t lddm,
                             void* dU, int64_t lddu, idl_memory memory,
                             idl_sample_report* reports) {
  return with_pass(pass, memory, [&](auto& state, const Arrays& arrays) {
    idl::c_api::backward(state, arrays, {{dY, lddy}, dM, lddm, dU, lddu, reports});
  });
}
