// SPDX-License-Identifier: MIT
// Making, loading, saving and describing models.
#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/c_api/arrays.hpp"
#include "host/c_api/handles.hpp"
#include "host/c_api/structs.hpp"
#include "host/model/structure/structure.hpp"
#include "host/options/validate.hpp"
#include "idl/model_description.hpp"

namespace idl::c_api {
namespace {

/// Makes the handle of a model in this precision: make.operator()<T>() gives the model.
template <class Make>
idl_model* handle_of(std::int32_t precision, const Make& make) {
  check_precision(precision);
  if (precision == IDL_FLOAT64) return new idl_model{make.template operator()<double>()};
  return new idl_model{make.template operator()<float>()};
}

/// Who does not know of it would take the answers to other numbers for those to hers.
void warn_of_scaling(Context& context, const char* path, const DataFormat& data) {
  if (data.feature_scaling.empty() && data.target_scaling.empty()) return;
  const std::string inputs = data.feature_scaling.empty() ? "" : "inputs";
  const std::string targets = data.target_scaling.empty() ? "" : "outputs";
  context.log(Severity::warning,
              std::string(path) +
                  ": the model was trained on scaled data; it takes and gives its " + inputs +
                  (inputs.empty() || targets.empty() ? "" : " and ") + targets +
                  " as (value - mean)/scale, with the numbers of idl_model_scaling");
}

ModelShape shape_of(const idl_model_settings& settings) {
  return {settings.states, settings.inputs, settings.outputs};
}

/// "A.ld".
std::string member(const std::string& matrix, const std::string& name) {
  return matrix + "." + name;
}

/// What is given, its sizes checked.
idl_matrix read_matrix(const idl_matrix* given, const char* name) {
  require(given, name);
  const auto matrix = read_struct(given, "idl_matrix");
  check_number(member(name, "rows"), matrix.rows, ranges::k_not_negative);
  check_number(member(name, "cols"), matrix.cols, ranges::k_not_negative);
  return matrix;
}

/// A copy of a matrix with all of its entries.
template <class T>
Matrix<T> dense_of(Context& context, const idl_matrix& matrix, const char* name) {
  IDL_CHECK(matrix.row_offsets == nullptr,
            member(name, "row_offsets") + " are there, but a factor has all of its entries");
  IDL_CHECK(matrix.col_indices == nullptr,
            member(name, "col_indices") + " are there, but no row_offsets");
  Matrix<T> dense(context, matrix.rows, matrix.cols);
  if (matrix.cols == 0) return dense;  // no values to point at
  const index_t ld = matrix.ld == 0 ? matrix.rows : matrix.ld;
  const std::string name_of_ld = member(name, "ld");
  const Arrays host(context, IDL_MEMORY_HOST);
  host.put(host.in<T>({name, name_of_ld.c_str()}, matrix.values, matrix.rows, matrix.cols, ld),
           dense.view());
  context.synchronize();
  return dense;
}

/// A dense matrix, one in compressed rows, or LRᵀ, of copies of the caller's arrays.
template <class T>
ModelMatrix<T> matrix_of(Context& context, const idl_matrix* given, const char* name) {
  const idl_matrix matrix = read_matrix(given, name);
  if (matrix.right != nullptr) {
    const std::string right_name = member(name, "right");
    const idl_matrix right = read_matrix(matrix.right, right_name.c_str());
    IDL_CHECK(right.right == nullptr,
              member(right_name, "right") + " is there, but " + right_name + " is a factor itself");
    return LowRankMatrix<T>{dense_of<T>(context, matrix, name),
                            dense_of<T>(context, right, right_name.c_str())};
  }
  if (matrix.row_offsets == nullptr) return dense_of<T>(context, matrix, name);
  const auto rows = static_cast<std::size_t>(matrix.rows);
  const index_t stored = matrix.row_offsets[rows];
  check_number(member(name, "row_offsets[" + std::to_string(rows) + "]"), stored,
               ranges::k_not_negative);
  if (stored > 0) {
    require(matrix.col_indices, member(name, "col_indices").c_str());
    require(matrix.values, member(name, "values").c_str());
  }
  const auto count = static_cast<std::size_t>(stored);
  return CsrMatrix<T>(context, matrix.rows, matrix.cols, std::span(matrix.row_offsets, rows + 1),
                      std::span(matrix.col_indices, count),
                      std::span(static_cast<const T*>(matrix.values), count));
}

/// What the caller says of the sizes beside the matrices is what they have.
void check_sizes(const idl_model_settings& settings, const ModelShape& shape) {
  const auto check = [](const char* name, std::int64_t said, index_t found) {
    IDL_CHECK(said == 0 || said == found, std::string(name) + " is " + std::to_string(said) +
                                              ", by the matrices it is " + std::to_string(found));
  };
  check("states", settings.states, shape.states);
  check("inputs", settings.inputs, shape.inputs);
  check("outputs", settings.outputs, shape.outputs);
}

template <class T>
idl_model_settings describe(const ImplicitModel<T>& model) {
  const ModelOptions& options = model.options();
  const bool ball = options.well_posedness.kind == WellPosednessKind::inf_norm_ball;
  idl_model_settings told = {};
  told.states = model.shape().states;
  told.inputs = model.shape().inputs;
  told.outputs = model.shape().outputs;
  // Names end with a NUL, as literals or kept as strings.
  told.activation = to_string(options.activation).data();
  told.alpha = has_alpha(options.activation) ? &options.activation.alpha : nullptr;
  told.well_posedness = to_string(options.well_posedness.kind).data();
  told.kappa = ball ? options.well_posedness.kappa : 0.0;
  told.precision = std::is_same_v<T, double> ? IDL_FLOAT64 : IDL_FLOAT32;
  told.bias = options.bias ? 1 : 0;
  told.no_D = options.no_D ? 1 : 0;
  told.allow_unproven = options.allow_unproven ? 1 : 0;
  told.rank = options.rank ? &*options.rank : nullptr;
  return told;
}

/// *model <- make(settings, options), a model in the precision of the settings.
template <class Make>
void make_model(idl_context* context, const idl_model_settings* settings, idl_model** model,
                const Make& make) {
  require(context, "context");
  require(settings, "settings");
  require(model, "model");
  *model = nullptr;
  const auto given = read_struct(settings, "idl_model_settings");
  const ModelOptions options = model_options(given);
  *model = handle_of(given.precision,
                     [&]<class T>() { return make.template operator()<T>(given, options); });
}

/// *model <- one with random parameters.
void create_model(idl_context* context, const idl_model_settings* settings, idl_model** model) {
  make_model(context, settings, model, [&]<class T>(const auto& given, const auto& options) {
    return ImplicitModel<T>(context->context, shape_of(given), options, given.seed);
  });
}

}  // namespace
}  // namespace idl::c_api

using idl::c_api::guarded;
using idl::c_api::read_struct;
using idl::c_api::require;

idl_status idl_model_create(idl_context* context, idl_precision precision, int64_t states,
                            int64_t inputs, int64_t outputs, const char* activation, double kappa,
                            int32_t bias, uint64_t seed, idl_model** model) {
  return guarded([&] {
    require(activation, "activation");
    idl_model_settings settings = {};
    settings.struct_size = sizeof(settings);
    settings.states = states;
    settings.inputs = inputs;
    settings.outputs = outputs;
    settings.activation = activation;
    settings.well_posedness = kappa == 0.0 ? "none" : "inf_norm_ball";
    settings.kappa = kappa;
    settings.seed = seed;
    settings.precision = precision;
    settings.bias = bias;
    idl::c_api::create_model(context, &settings, model);
  });
}

idl_status idl_model_create_with(idl_context* context, const idl_model_settings* settings,
                                 idl_model** model) {
  return guarded([&] { idl::c_api::create_model(context, settings, model); });
}

idl_status idl_model_borrow(idl_context* context, const idl_model_settings* settings, void* M,
                            int64_t ld, idl_memory memory, idl_model** model) {
  return guarded([&] {
    idl::c_api::make_model(
        context, settings, model, [&]<class T>(const auto& given, const auto& options) {
          const idl::ModelShape shape = idl::c_api::shape_of(given);
          idl::validate(shape);
          idl::validate(options);
          const idl::c_api::Arrays arrays(context->context, memory);
          IDL_CHECK(arrays.on_device(), "M is on " + to_string(arrays.place()) +
                                            ", the context on " +
                                            to_string(context->context.device()));
          const idl::ParameterLayout layout = idl::layout_of(shape, options);
          return idl::ImplicitModel<T>::borrow(
              arrays.out<T>({"M", "ld"}, M, layout.rows, layout.cols, ld), shape, options);
        });
  });
}

idl_status idl_model_create_of(idl_context* context, const idl_model_settings* settings,
                               const idl_matrix* A, const idl_matrix* B, const idl_matrix* C,
                               const idl_matrix* D, idl_model** model) {
  return guarded([&] {
    idl::c_api::make_model(
        context, settings, model, [&]<class T>(const auto& given, const auto& options) {
          using idl::c_api::matrix_of;
          idl::ModelMatrices<T> matrices = {.A = matrix_of<T>(context->context, A, "A"),
                                            .B = matrix_of<T>(context->context, B, "B"),
                                            .C = matrix_of<T>(context->context, C, "C")};
          if (D != nullptr) matrices.D = matrix_of<T>(context->context, D, "D");
          idl::ImplicitModel<T> made(context->context, matrices, options);
          idl::c_api::check_sizes(given, made.shape());
          return made;
        });
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
    const idl::LoadOptions load = idl::c_api::load_options(options);
    idl::DataFormat data;
    *model = idl::c_api::handle_of(precision, [&]<class T>() {
      auto loaded = idl::load_described_model<T>(context->context, path, load);
      data = std::move(loaded.second.data);
      idl::c_api::warn_of_scaling(context->context, path, data);
      return std::move(loaded.first);
    });
    (*model)->data = std::move(data);
  });
}

idl_status idl_model_save(idl_context* context, const idl_model* model, const char* path) {
  return idl_model_save_with(context, model, path, nullptr);
}

idl_status idl_model_save_with(idl_context* context, const idl_model* model, const char* path,
                               const idl_save_settings* settings) {
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    require(path, "path");
    const auto given = read_struct(settings, "idl_save_settings");
    idl::check_number("step", given.step, idl::ranges::k_not_negative);
    std::visit(
        [&](const auto& typed) {
          idl::save_model(context->context, typed, path, given.step, model->data);
        },
        model->model);
  });
}

void idl_model_destroy(idl_model* model) { delete model; }

idl_status idl_model_scaling(const idl_model* model, int32_t of_targets, int32_t* scaled,
                             double* mean, double* scale) {
  return guarded([&] {
    require(model, "model");
    const idl::Scaling& scaling =
        of_targets != 0 ? model->data.target_scaling : model->data.feature_scaling;
    if (scaled != nullptr) *scaled = scaling.empty() ? 0 : 1;
    if (mean != nullptr) std::ranges::copy(scaling.mean, mean);
    if (scale != nullptr) std::ranges::copy(scaling.scale, scale);
  });
}

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

idl_status idl_model_describe(const idl_model* model, idl_model_settings* settings) {
  return guarded([&] {
    require(model, "model");
    require(settings, "settings");
    idl::c_api::write_struct(
        std::visit([](const auto& typed) { return idl::c_api::describe(typed); }, model->model),
        settings, "idl_model_settings");
  });
}
