// SPDX-License-Identifier: MIT
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/c_api/arrays.hpp"
#include "host/c_api/handles.hpp"
#include "host/options/validate.hpp"
#include "idl/shortfall.hpp"

namespace idl::c_api {
namespace {

/// Of the last solve, whose outputs are `Y`.
template <class T>
Shortfall shortfall_in(Context& context, const SolveReport& report, const MatrixView<T>& Y) {
  const auto size = static_cast<std::size_t>(Y.rows * Y.cols);
  if (Y.device == Device::cpu() && Y.ld == Y.rows)
    return shortfall_of(report, std::span<const T>(Y.data, size));
  std::vector<T> values;
  if (Y.device == Device::cpu()) {
    values.reserve(size);
    for (index_t j = 0; j < Y.cols; ++j)
      values.insert(values.end(), Y.data + j * Y.ld, Y.data + j * Y.ld + Y.rows);
  } else {
    values = download(context, ConstMatrixView<T>(Y));
  }
  return shortfall_of(report, std::span<const T>(values));
}

/// predict_into() by way of matrices on the device.
template <class T>
void predict_from_host(idl_context& handle, const ImplicitModel<T>& model, const Arrays& arrays,
                       ConstMatrixView<T> U, MatrixView<T> Y, std::optional<MatrixView<T>> X,
                       const SolverOptions& options) {
  Context& context = handle.context;
  Matrix<T> inputs(context, U.rows, U.cols);
  Matrix<T> outputs(context, Y.rows, Y.cols);
  Matrix<T> states(context, X ? X->rows : 0, U.cols);
  arrays.put(U, inputs.view());
  model.predict_into(context, inputs, outputs, X ? std::optional(states.view()) : std::nullopt,
                     handle.report, options);
  arrays.get<T>(outputs, Y);
  if (X) arrays.get<T>(states, *X);
}

template <class T>
void predict(idl_context& handle, const ImplicitModel<T>& model, std::int64_t m, const void* U,
             std::int64_t ldu, void* Y, std::int64_t ldy, void* X, std::int64_t ldx,
             const Arrays& arrays, const idl_solver_options* options, idl_sample_report* reports) {
  const ModelShape& shape = model.shape();
  check_number("m", m, ranges::k_not_negative);
  const SolverOptions solver = solver_options(handle, options, nullptr);
  if (m == 0) return;
  const auto inputs = arrays.in<T>({"U", "ldu"}, U, shape.inputs, m, ldu);
  const auto outputs = arrays.out<T>({"Y", "ldy"}, Y, shape.outputs, m, ldy);
  std::optional<MatrixView<T>> states;
  if (X != nullptr) states = arrays.out<T>({"X", "ldx"}, X, shape.states, m, ldx);
  if (arrays.on_device())
    model.predict_into(handle.context, inputs, outputs, states, handle.report, solver);
  else
    predict_from_host(handle, model, arrays, inputs, outputs, states, solver);
  tell_solve(handle.context, handle.report, outputs, reports);
}

}  // namespace

template <class T>
void tell_solve(Context& context, const SolveReport& report, const MatrixView<T>& Y,
                idl_sample_report* reports) {
  if (reports == nullptr) {
    const Shortfall shortfall = shortfall_in(context, report, Y);
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

template void tell_solve(Context&, const SolveReport&, const MatrixView<float>&,
                         idl_sample_report*);
template void tell_solve(Context&, const SolveReport&, const MatrixView<double>&,
                         idl_sample_report*);

}  // namespace idl::c_api

idl_status idl_model_predict(idl_context* context, const idl_model* model, int64_t m, const void* U,
                             int64_t ldu, void* Y, int64_t ldy, void* X, int64_t ldx,
                             idl_memory memory, const idl_solver_options* options,
                             idl_sample_report* reports) {
  using namespace idl::c_api;
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    const Arrays arrays(context->context, memory);
    std::visit(
        [&](const auto& typed) {
          predict(*context, typed, m, U, ldu, Y, ldy, X, ldx, arrays, options, reports);
        },
        model->model);
  });
}
