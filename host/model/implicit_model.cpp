// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "host/backend_of.hpp"
#include "host/model/pass_cache.hpp"
#include "host/model/pass_parts.hpp"
#include "host/model/solve_warning.hpp"
#include "host/model/structure/structure.hpp"
#include "host/options/validate.hpp"
#include "host/sparse/sparse_pattern.hpp"
#include "idl/batch_pass.hpp"
#include "idl/error.hpp"
#include "idl/model.hpp"
#include "kernels/backend.hpp"
#include "kernels/operand_checks.hpp"

namespace idl {
namespace {

/// Columns solved at a time. On the CPU enough for each thread to take many, few enough for what is
/// before the loop and after it to stay in the cache; on a GPU as many as fill it.
index_t tile_columns(Device device) { return device.kind == DeviceKind::cpu ? 1024 : 65536; }

void append_report(SolveReport& all, const SolveReport& more) {
  append(all.status, more.status);
  append(all.iterations, more.iterations);
  append(all.fallbacks, more.fallbacks);
  append(all.low_precision_iterations, more.low_precision_iterations);
  append(all.step, more.step);
  append(all.residual, more.residual);
  append(all.error_bound, more.error_bound);
  all.contraction = more.contraction;
}

/// A copy of the caller's matrix on the context's device.
template <class T>
Matrix<T> copy_of(Context& context, ConstMatrixView<T> M) {
  if (M.device != context.device()) {
    Context there(M.device);
    return Matrix<T>::from_host(context, M.rows, M.cols, download(there, M));
  }
  Matrix<T> result(context, M.rows, M.cols);
  copy<T>(context, M, result);
  return result;
}

/// An empty report with the memory of a full one.
void clear(SolveReport& report) {
  report.status.clear();
  report.iterations.clear();
  report.fallbacks.clear();
  report.low_precision_iterations.clear();
  report.step.clear();
  report.residual.clear();
  report.error_bound.clear();
  report.contraction = 0;
}

/// Of a model on this device none of whose matrices is in compressed rows.
template <class T>
std::shared_ptr<const Structure<T>> structure_on(Device device, const ModelShape& shape,
                                                 const ModelOptions& options) {
  if (!options.rank) return make_dense_structure<T>(shape, options);
  Context there(device);
  auto structure = make_structure<T>(there, shape, options);
  there.synchronize();
  return structure;
}

/// One column of `rows` entries for each sample.
template <class View>
void check_columns(const char* name, const View& view, index_t rows, index_t samples) {
  IDL_CHECK(view.rows == rows && view.cols == samples,
            "predict: " + std::string(name) + " is " + std::to_string(view.rows) + "x" +
                std::to_string(view.cols) + ", expected " + std::to_string(rows) + "x" +
                std::to_string(samples));
}

/// The results lie apart from everything else: some of them are there before all columns have been
/// read.
template <class T>
void check_operands(Device device, ConstMatrixView<T> M, ConstMatrixView<T> U, MatrixView<T> Y,
                    std::optional<MatrixView<T>> X, std::optional<ConstMatrixView<T>> X0) {
  OperandChecks checks("predict", device);
  checks.input("M", M);
  checks.input("U", U);
  checks.output("Y", Y);
  if (X) checks.output("X", *X);
  if (X0) checks.input("X0", *X0);
  checks.apart();
}

}  // namespace

template <class T>
ImplicitModel<T>::ImplicitModel(Context& context, ModelShape shape, ModelOptions options,
                                std::uint64_t seed)
    : shape_(shape), options_(options) {
  validate(shape);
  validate(options);
  const ParameterLayout layout = layout_of(shape, options);
  // The most comes first: of a model for which there is no room nothing else is made.
  Matrix<T> memory(context, layout.rows, layout.cols);
  *this = detail::Inside<ImplicitModel>::make(
      std::move(memory), make_structure<T>(context, shape, options), shape, options);
  backend_of(context)->run_in_order(structure_of(*this).random_parameters(M(), seed));
  project(context);
  context.synchronize();
}

template <class T>
ImplicitModel<T>::ImplicitModel(Context& context, const ModelMatrices<T>& matrices,
                                ModelOptions options)
    : ImplicitModel(detail::Inside<ImplicitModel>::of_matrices(context, matrices, options)) {
  project(context);
  context.synchronize();
}

template <class T>
ImplicitModel<T> ImplicitModel<T>::borrow(MatrixView<T> M, ModelShape shape, ModelOptions options) {
  validate(shape);
  validate(options);
  const ParameterLayout layout = layout_of(shape, options);
  IDL_CHECK(M.rows == layout.rows && M.cols == layout.cols && M.ld >= M.rows,
            "borrow: M is " + std::to_string(M.rows) + "x" + std::to_string(M.cols) + " with ld " +
                std::to_string(M.ld) + ", expected " + std::to_string(layout.rows) + "x" +
                std::to_string(layout.cols) + " and an ld of at least its rows");
  IDL_CHECK(M.data != nullptr && reinterpret_cast<std::uintptr_t>(M.data) % alignof(T) == 0,
            "borrow: M is at address " + std::to_string(reinterpret_cast<std::uintptr_t>(M.data)) +
                ", which is null or no multiple of " + std::to_string(alignof(T)));
  auto structure = structure_on<T>(M.device, shape, options);
  ImplicitModel model;
  model.shape_ = shape;
  model.options_ = options;
  model.M_ = M;
  using Inside = detail::Inside<ImplicitModel>;
  model.inside_ = std::make_shared<const Inside>(Inside{std::move(structure)});
  return model;
}

template <class T>
const ParameterLayout& ImplicitModel<T>::layout() const {
  return structure_of(*this).layout();
}

template <class T>
bool ImplicitModel<T>::is_sparse(std::string_view matrix) const {
  return structure_of(*this).pattern(matrix) != nullptr;
}

template <class T>
ConstCsrView<T> ImplicitModel<T>::csr(std::string_view matrix) const {
  const SparsePattern* pattern = structure_of(*this).pattern(matrix);
  const std::string name(matrix);
  IDL_CHECK(pattern != nullptr, "csr: the model has no '" + name + "' in compressed rows");
  return pattern->with(layout().at(name + ".values").of(M()).data);
}

template <class T>
ParameterTensor ImplicitModel<T>::dense(const char* matrix) const {
  const Structure<T>& structure = structure_of(*this);
  IDL_CHECK(structure.pattern(matrix) == nullptr,
            std::string(matrix) + " is in compressed rows, which csr() gives");
  // In the place of a D that there is not, a dense M has zeros.
  const bool lacks = options_.no_D && std::string_view(matrix) == "D" && structure.unused();
  return lacks ? *structure.unused() : structure.layout().at(matrix);
}

template <class T>
void ImplicitModel<T>::project(Context& context) {
  const Structure<T>& structure = structure_of(*this);
  Sequence steps = steps_of(structure.projection(options_.well_posedness, M()));
  append(steps, steps_of(structure.projection_of_L(options_.well_posedness, M())));
  append(steps, structure.clear_unused(M()));
  backend_of(context)->run_in_order(steps);
}

template <class T>
void ImplicitModel<T>::set_kappa(Context& context, double kappa) {
  IDL_CHECK(options_.well_posedness.kind == WellPosednessKind::inf_norm_ball,
            "set_kappa: only inf_norm_ball has a kappa, the constraint of the model is " +
                std::string(to_string(options_.well_posedness.kind)));
  ModelOptions changed = options_;
  changed.well_posedness.kappa = kappa;
  validate(changed);
  options_ = changed;
  project(context);
}

template <class T>
ImplicitModel<T> ImplicitModel<T>::clone(Context& context) const {
  using Inside = detail::Inside<ImplicitModel>;
  ImplicitModel copy;
  copy.shape_ = shape_;
  copy.options_ = options_;
  copy.memory_ = M_.data == memory_.data() ? memory_.clone(context) : copy_of<T>(context, M_);
  copy.M_ = copy.memory_.view();
  copy.inside_ = context.device() == device()
                     ? inside_
                     : std::make_shared<const Inside>(Inside{structure_of(*this).clone(context)});
  return copy;
}

template <class T>
Prediction<T> ImplicitModel<T>::predict(Context& context, ConstMatrixView<T> U,
                                        const SolverOptions& options,
                                        std::optional<ConstMatrixView<T>> X0) const {
  Prediction<T> prediction{
      Matrix<T>(context, shape_.outputs, U.cols), Matrix<T>(context, shape_.states, U.cols), {}};
  predict_into(context, U, prediction.Y, prediction.X, prediction.report, options, X0);
  return prediction;
}

template <class T>
void ImplicitModel<T>::predict_into(Context& context, ConstMatrixView<T> U, MatrixView<T> Y,
                                    std::optional<MatrixView<T>> X, SolveReport& report,
                                    const SolverOptions& options,
                                    std::optional<ConstMatrixView<T>> X0) const {
  detail::Inside<ImplicitModel>::predict_unannounced(*this, context, U, Y, X, report, options, X0);
  warn_unless_converged(context, report, "predict");
}

template <class T>
void detail::Inside<ImplicitModel<T>>::predict_unannounced(
    const ImplicitModel<T>& model, Context& context, ConstMatrixView<T> U, MatrixView<T> Y,
    std::optional<MatrixView<T>> X, SolveReport& report, const SolverOptions& options,
    std::optional<ConstMatrixView<T>> X0) {
  const index_t m = U.cols;
  const auto [states, inputs, outputs] = model.shape();
  validate(options);
  IDL_CHECK(U.rows == inputs, "predict: U has " + std::to_string(U.rows) + " rows, the model has " +
                                  std::to_string(inputs) + " inputs");
  check_columns("Y", Y, outputs, m);
  if (X) check_columns("X", *X, states, m);
  if (X0) check_columns("X0", *X0, states, m);
  check_operands<T>(context.device(), model.M(), U, Y, X, X0);
  clear(report);
  const index_t tile = std::min(m, tile_columns(context.device()));
  std::shared_ptr<BatchPass<T>> pass;
  SolveReport of_tile;
  for (index_t first = 0; first < m; first += tile) {
    const index_t count = std::min(tile, m - first);
    if (!pass || pass->samples() != count) {
      // The old buffers go before the new ones come.
      pass.reset();
      pass = PassCache::of(context).pass(model, count, options, X0.has_value());
    }
    copy<T>(context, U.columns(first, count), PassParts<T>::stacked_U(*pass));
    if (X0) pass->start_from(X0->columns(first, count));
    PassParts<T>::forward_unannounced(*pass, count == m ? report : of_tile);
    if (count < m) append_report(report, of_tile);
    if (X) copy<T>(context, pass->X(), X->columns(first, count));
    copy<T>(context, pass->Y(), Y.columns(first, count));
  }
  context.synchronize();
}

template class ImplicitModel<float>;
template class ImplicitModel<double>;
template void detail::Inside<ImplicitModel<float>>::predict_unannounced(
    const ImplicitModel<float>&, Context&, ConstMatrixView<float>, MatrixView<float>,
    std::optional<MatrixView<float>>, SolveReport&, const SolverOptions&,
    std::optional<ConstMatrixView<float>>);
template void detail::Inside<ImplicitModel<double>>::predict_unannounced(
    const ImplicitModel<double>&, Context&, ConstMatrixView<double>, MatrixView<double>,
    std::optional<MatrixView<double>>, SolveReport&, const SolverOptions&,
    std::optional<ConstMatrixView<double>>);

}  // namespace idl
