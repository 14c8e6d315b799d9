// SPDX-License-Identifier: MIT
#include <limits>
#include <sstream>
#include <string>
#include <utility>

#include "host/model/constraint_distance.hpp"
#include "host/model/describe_model.hpp"
#include "host/model/model_file.hpp"
#include "host/model/sparse_tensors.hpp"
#include "host/model/structure/csr.hpp"
#include "host/sparse/row_levels.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

/// Why A is not loaded, and what to say so that it is.
std::string refusal(const ModelDescription& model) {
  const WellPosedness& constraint = model.options.well_posedness;
  const double norm = model.constraint.inf_norm;
  std::ostringstream text;
  text << "A lies outside its constraint";
  for (const Assumption& assumption : model.assumptions)
    if (assumption.key == "well_posedness" || assumption.key == "kappa")
      text << ", " << to_text(assumption);
  text << ": " << to_text(model.constraint, constraint)
       << ". Say what the model is by kappa (--kappa";
  if (constraint.kind == WellPosednessKind::inf_norm_ball && norm < 1.0)
    text << ", at least " << (model.options.rank ? norm * norm : norm);
  text << ") or well_posedness (--well-posedness: inf_norm_ball, strictly_upper_triangular, none), "
          "here or in the file's metadata, or ask for the projection by project (--project)";
  return text.str();
}

void announce(const Context& context, const std::string& path, const ModelDescription& model) {
  if (model.assumptions.empty()) return;
  std::string text = path + ":";
  for (const Assumption& assumption : model.assumptions)
    text += (text.back() == ':' ? " " : ", ") + to_text(assumption);
  context.log(Severity::warning, text);
}

/// A matrix in compressed rows. @throws IoError where it is A, which is said to be strictly upper
/// triangular, and is not
template <class T>
CsrArrays<T> take_sparse(const io::Safetensors& file, const ModelDescription& model,
                         const TensorSize& size) {
  const std::string name = model.prefix + size.name;
  CsrArrays<T> arrays = read_sparse<T>(file, name, size.rows, size.cols);
  if (size.name == "A" &&
      model.options.well_posedness.kind == WellPosednessKind::strictly_upper_triangular)
    if (const auto entry = first_on_or_below(arrays.row_offsets, arrays.col_indices))
      throw IoError(file.path, not_strictly_upper(name, *entry));
  return arrays;
}

/// Without its head and its recurrence a recurrent model is another one, which nobody would notice.
void require_plain(const io::Safetensors& file, const ModelDescription& model,
                   const LoadOptions& options) {
  if (!model.recurrent || options.cell_alone) return;
  throw InvalidArgument(file.path + ": is a recurrent model (hidden " +
                        std::to_string(model.recurrent->hidden) +
                        "), where one without recurrence is expected; `idl predict` and `idl "
                        "evaluate` read it, and in C++ load_rnn(), load_any_model() and, its cell "
                        "alone, load_model() with LoadOptions::cell_alone");
}

}  // namespace

template <class T>
ImplicitModel<T> take_model(Context& context, const io::Safetensors& file,
                            const ModelDescription& model) {
  if (model.stored.empty()) {
    const std::vector<T> M = take_tensors<T>(file, model.prefix, model.layout());
    ImplicitModel<T> loaded(context, model.shape, model.options);
    upload<T>(context, M, loaded.M());
    loaded.project(context);
    context.synchronize();
    return loaded;
  }
  const auto dense = [&](const std::string& name, index_t rows, index_t cols) {
    return Matrix<T>::from_host(
        context, rows, cols, take_tensors<T>(file, model.prefix, layout_alone(name, rows, cols)));
  };
  const auto matrix = [&](const TensorSize& size) -> ModelMatrix<T> {
    if (model.stored.contains(size.name))
      return CsrMatrix<T>(context, take_sparse<T>(file, model, size));
    if (size.rank)
      return LowRankMatrix<T>{dense("L", size.rows, *size.rank), dense("R", size.cols, *size.rank)};
    return dense(size.name, size.rows, size.cols);
  };
  const auto sizes = matrix_sizes(model.shape, model.options);
  ModelMatrices<T> matrices = {.A = matrix(sizes[0]), .B = matrix(sizes[1]), .C = matrix(sizes[2])};
  if (sizes.size() > 3) matrices.D = matrix(sizes[3]);
  return ImplicitModel<T>(context, matrices, model.options);
}

template <class T>
std::pair<ImplicitModel<T>, ModelDescription> take_described_model(Context& context,
                                                                   const io::Safetensors& file,
                                                                   ModelDescription model,
                                                                   const LoadOptions& options) {
  ImplicitModel<T> loaded = take_model<T>(context, file, model);
  ConstraintDistance& constraint = model.constraint;
  constraint = as_rounded(constraint, model, std::numeric_limits<T>::epsilon());
  if (constraint.outside() && !options.project) throw IoError(file.path, refusal(model));
  announce(context, file.path, model);
  if (constraint.outside())
    context.log(Severity::warning, file.path + ": A is projected, as was asked for: " +
                                       to_text(constraint, model.options.well_posedness));
  return {std::move(loaded), std::move(model)};
}

template <class T>
std::pair<ImplicitModel<T>, ModelDescription> load_described_model(
    Context& context, const std::filesystem::path& path, const LoadOptions& options) {
  const io::Safetensors file = io::read_safetensors(path);
  ModelDescription model = describe_model(file, options);
  require_plain(file, model, options);
  return take_described_model<T>(context, file, std::move(model), options);
}

template <class T>
ImplicitModel<T> load_model(Context& context, const std::filesystem::path& path,
                            const LoadOptions& options) {
  return load_described_model<T>(context, path, options).first;
}

template ImplicitModel<float> take_model(Context&, const io::Safetensors&, const ModelDescription&);
template ImplicitModel<double> take_model(Context&, const io::Safetensors&,
                                          const ModelDescription&);
template std::pair<ImplicitModel<float>, ModelDescription> take_described_model(
    Context&, const io::Safetensors&, ModelDescription, const LoadOptions&);
template std::pair<ImplicitModel<double>, ModelDescription> take_described_model(
    Context&, const io::Safetensors&, ModelDescription, const LoadOptions&);
template std::pair<ImplicitModel<float>, ModelDescription> load_described_model(
    Context&, const std::filesystem::path&, const LoadOptions&);
template std::pair<ImplicitModel<double>, ModelDescription> load_described_model(
    Context&, const std::filesystem::path&, const LoadOptions&);
template ImplicitModel<float> load_model(Context&, const std::filesystem::path&,
                                         const LoadOptions&);
template ImplicitModel<double> load_model(Context&, const std::filesystem::path&,
                                          const LoadOptions&);

}  // namespace idl
