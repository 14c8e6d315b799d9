// SPDX-License-Identifier: MIT
#include "host/model/model_file.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "host/io/checked_size.hpp"
#include "host/model/constraint_distance.hpp"
#include "host/model/data_format.hpp"
#include "host/model/describe_model.hpp"
#include "host/model/non_finite.hpp"
#include "host/model/sparse_tensors.hpp"
#include "idl/error.hpp"
#include "kernels/base/number_range.hpp"

namespace idl {
namespace {

/// In a list of tensors; the names of larger files say little.
constexpr std::size_t k_most_listed = 12;

/// A matrix of zeros. @throws OutOfMemory
template <class T>
std::vector<T> zeros(index_t rows, index_t cols) {
  const auto count =
      io::checked_product(static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(cols));
  std::vector<T> matrix;
  io::resize_or_throw(matrix, count.value_or(std::numeric_limits<std::uint64_t>::max()));
  return matrix;
}

/// Where entry (i, j) of a tensor is in contiguous M.
std::size_t entry_of(const ParameterTensor& tensor, index_t i, index_t j,
                     const ParameterLayout& layout) {
  const index_t ld = tensor.ld == 0 ? layout.rows : tensor.ld;
  return static_cast<std::size_t>(tensor.row + tensor.col * layout.rows + i + j * ld);
}

std::vector<std::int64_t> shape_in_file(const ParameterTensor& tensor) {
  if (tensor.is_vector) return {tensor.rows};
  return {tensor.rows, tensor.cols};
}

void check_tensor(const io::Safetensors& file, const std::string& prefix,
                  const ParameterTensor& tensor) {
  const std::string name = prefix + tensor.name;
  const io::Array& array =
      tensor.is_vector ? parameter_array(file, name) : parameter_matrix(file, name);
  const std::vector<std::int64_t> expected = shape_in_file(tensor);
  if (array.shape != expected)
    throw IoError(file.path, name + " has shape " + io::shape_text(array.shape) + ", expected " +
                                 io::shape_text(expected) + " beside " + tensor_list(file, prefix));
}

}  // namespace

std::string entry_name(const std::string& name, const ParameterTensor& tensor, index_t i,
                       index_t j) {
  return name + "[" + std::to_string(i) + (tensor.is_vector ? "" : ", " + std::to_string(j)) + "]";
}

std::string not_finite_text(const std::string& entry, double in_file) {
  if (!std::isfinite(in_file)) return entry + " is not finite";
  return entry + " is " + number_text(in_file) +
         ", which float32 cannot hold: --precision f64, or load_model<double>, reads it";
}

void check_tensors(const io::Safetensors& file, const std::string& prefix,
                   const ParameterLayout& layout) {
  for (const ParameterTensor& tensor : layout.tensors) check_tensor(file, prefix, tensor);
}

std::string tensor_list(const io::Safetensors& file, const std::string& prefix) {
  std::string text;
  std::size_t count = 0;
  for (const auto& [name, array] : file.tensors) {
    if (!name.starts_with(prefix)) continue;
    if (count++ == k_most_listed) return text + ", ...";
    text += (text.empty() ? "" : ", ") + name + " " + io::shape_text(array.shape);
  }
  return text.empty() ? "no tensors" : text;
}

const io::Array& parameter_matrix(const io::Safetensors& file, const std::string& name) {
  const io::Array& array = file.at(name);
  if (array.shape.size() != 2)
    throw IoError(file.path,
                  name + " has shape " + io::shape_text(array.shape) + ", expected two dimensions");
  return parameter_array(file, name);
}

const io::Array& parameter_array(const io::Safetensors& file, const std::string& name) {
  const io::Array& array = file.at(name);
  // Integers would be codes of a quantised matrix, whose scale lies elsewhere.
  if (array.type != io::DataType::f32 && array.type != io::DataType::f64)
    throw IoError(file.path, name + " holds integers, expected F32, F64, F16 or BF16");
  return array;
}

template <class T>
void put_tensors(io::Safetensors& file, const std::string& prefix, std::span<const T> M,
                 const ParameterLayout& layout) {
  for (const ParameterTensor& tensor : layout.tensors) {
    std::vector<T> values;
    values.reserve(static_cast<std::size_t>(tensor.rows * tensor.cols));
    for (index_t i = 0; i < tensor.rows; ++i)
      for (index_t j = 0; j < tensor.cols; ++j) values.push_back(M[entry_of(tensor, i, j, layout)]);
    file.tensors[prefix + tensor.name] =
        io::Array::from<T>(shape_in_file(tensor), std::span<const T>(values));
  }
}

template <class T>
std::vector<T> take_tensors(const io::Safetensors& file, const std::string& prefix,
                            const ParameterLayout& layout) {
  // First, since only shapes that fit each other make sizes that are to be believed: tensors
  // without elements may have any extents.
  check_tensors(file, prefix, layout);
  std::vector<T> M = zeros<T>(layout.rows, layout.cols);
  for (const ParameterTensor& tensor : layout.tensors) {
    const std::string name = prefix + tensor.name;
    const std::vector<T> values = parameter_array(file, name).template as<T>();
    for (index_t i = 0; i < tensor.rows; ++i)
      for (index_t j = 0; j < tensor.cols; ++j) {
        const auto k = static_cast<std::size_t>(i * tensor.cols + j);
        const T value = values[k];
        if (!std::isfinite(value))
          throw IoError(file.path,
                        not_finite_text(entry_name(name, tensor, i, j),
                                        parameter_array(file, name).template as<double>()[k]));
        M[entry_of(tensor, i, j, layout)] = value;
      }
  }
  return M;
}

template <class T>
void put_patterns(Context& context, io::Safetensors& file, const ImplicitModel<T>& model,
                  const std::string& prefix) {
  for (const char* matrix : {"A", "B", "C", "D"}) {
    if (!model.is_sparse(matrix)) continue;
    const CsrArrays<T> arrays = download(context, model.csr(matrix));
    put_pattern(file, prefix + matrix, arrays.row_offsets, arrays.col_indices);
    file.metadata[k_inputs_key] = std::to_string(model.shape().inputs);
  }
}

template <class T>
std::string other_patterns(Context& context, const io::Safetensors& file, const std::string& prefix,
                           const ImplicitModel<T>& model) {
  for (const char* matrix : {"A", "B", "C", "D"}) {
    const std::string name = prefix + matrix;
    const bool sparse = is_sparse(file, name);
    if (sparse != model.is_sparse(matrix))
      return file.path + ": " + name + (sparse ? " is" : " is not") +
             " in compressed rows, unlike that of the model";
    if (!sparse) continue;
    const CsrArrays<T> ours = download(context, model.csr(matrix));
    const CsrArrays<T> theirs = read_sparse<T>(file, name, ours.rows, ours.cols);
    if (ours.row_offsets != theirs.row_offsets || ours.col_indices != theirs.col_indices)
      return file.path + ": other entries of " + name + " are stored than in the model";
  }
  return "";
}

template <class T>
void check_patterns(Context& context, const io::Safetensors& file, const std::string& prefix,
                    const ImplicitModel<T>& model) {
  const std::string trouble = other_patterns(context, file, prefix, model);
  IDL_CHECK(trouble.empty(), trouble);
}

template <class T>
std::map<std::string, std::string> model_metadata(const ImplicitModel<T>& model,
                                                  std::int64_t step) {
  const ModelOptions& options = model.options();
  return {{k_version_key, k_version},
          {"format", "pt"},
          {"activation", std::string(to_string(options.activation))},
          {"alpha", number_text(options.activation.alpha)},
          {"well_posedness", std::string(to_string(options.well_posedness.kind))},
          {"kappa", number_text(options.well_posedness.kappa)},
          {"bias", options.bias ? "true" : "false"},
          {"no_D", options.no_D ? "true" : "false"},
          {"step", std::to_string(step)}};
}

template <class T>
std::map<std::string, std::string> model_metadata(const ImplicitRnn<T>& model, std::int64_t step) {
  auto metadata = model_metadata(model.cell(), step);
  metadata[k_input_size_key] = std::to_string(model.shape().inputs);
  metadata[k_hidden_size_key] = std::to_string(model.shape().hidden);
  return metadata;
}

namespace {

template <class T>
ConstraintDistance distance_of(Context& context, const ImplicitModel<T>& model,
                               const std::vector<T>& M) {
  const WellPosedness& constraint = model.options().well_posedness;
  const index_t n = model.shape().states;
  const double epsilon = std::numeric_limits<T>::epsilon();
  if (model.is_sparse("A"))
    return distance_to(constraint, n, epsilon, csr_rows(download(context, model.csr("A"))));
  const ParameterLayout& layout = model.layout();
  const auto entries = [&](const char* name) {
    return [&layout, &M, &tensor = layout.at(name)](index_t i, index_t j) {
      return M[entry_of(tensor, i, j, layout)];
    };
  };
  if (const std::optional<index_t> rank = model.options().rank)
    return distance_of_factors(constraint, n, *rank, epsilon, entries("L"), entries("R"));
  return distance_to(constraint, n, epsilon, dense_rows(n, entries("A")));
}

/// M as it is to be saved: feasible, also where parameters were changed since the last projection.
template <class T>
std::vector<T> feasible_parameters(Context& context, const ImplicitModel<T>& model) {
  std::vector<T> M = download(context, model.M());
  const WellPosedness& constraint = model.options().well_posedness;
  const ConstraintDistance distance = distance_of(context, model, M);
  if (!(distance.distance > 0.0) && !model.options().no_D) return M;
  ImplicitModel<T> feasible = model.clone(context);
  feasible.project(context);
  if (distance.outside())
    context.log(Severity::warning,
                "save_model: A was changed without project(); its projection is "
                "saved: " +
                    to_text(distance, constraint));
  return download<T>(context, feasible.M());
}

}  // namespace

namespace {

/// @throws NotFinite where there is trouble
void require_finite(const std::filesystem::path& path, const std::string& trouble) {
  if (!trouble.empty())
    throw NotFinite(path.string() + " was not written: of the model to save, " + trouble +
                    " are not finite");
}

}  // namespace

template <class T>
void save_model(Context& context, const ImplicitRnn<T>& model, const std::filesystem::path& path,
                std::int64_t step, const DataFormat& data) {
  const ImplicitModel<T>& cell = model.cell();
  const RecurrentShape& shape = model.shape();
  const std::string prefix = cell_prefix(shape);
  const ParameterLayout head = head_layout(shape);
  std::string trouble = non_finite_tensors<T>(context, cell.M(), prefix, cell.layout());
  if (shape.outputs > 0) {
    const std::string of_head = non_finite_tensors<T>(context, model.head(), "", head);
    if (!of_head.empty()) trouble += (trouble.empty() ? "" : ", ") + of_head;
  }
  require_finite(path, trouble);
  io::Safetensors file;
  file.metadata = model_metadata(model, step);
  put_data_format(file, data, data_shape(shape));
  put_tensors<T>(file, prefix, feasible_parameters(context, cell), cell.layout());
  if (shape.outputs > 0) put_tensors<T>(file, "", download(context, model.head()), head);
  put_patterns(context, file, model);
  io::write_safetensors(path, file);
}

template <class T>
void save_model(Context& context, const ImplicitModel<T>& model, const std::filesystem::path& path,
                std::int64_t step, const DataFormat& data) {
  const ParameterLayout& layout = model.layout();
  require_finite(path, non_finite_tensors<T>(context, model.M(), "", layout));
  const std::vector<T> M = feasible_parameters(context, model);
  io::Safetensors file;
  file.metadata = model_metadata(model, step);
  put_data_format(file, data, model.shape());
  put_tensors<T>(file, "", M, layout);
  put_patterns(context, file, model);
  io::write_safetensors(path, file);
}

template void put_tensors(io::Safetensors&, const std::string&, std::span<const float>,
                          const ParameterLayout&);
template void put_tensors(io::Safetensors&, const std::string&, std::span<const double>,
                          const ParameterLayout&);
template std::vector<float> take_tensors(const io::Safetensors&, const std::string&,
                                         const ParameterLayout&);
template std::vector<double> take_tensors(const io::Safetensors&, const std::string&,
                                          const ParameterLayout&);
template void put_patterns(Context&, io::Safetensors&, const ImplicitModel<float>&,
                           const std::string&);
template std::string other_patterns(Context&, const io::Safetensors&, const std::string&,
                                    const ImplicitModel<float>&);
template void check_patterns(Context&, const io::Safetensors&, const std::string&,
                             const ImplicitModel<float>&);
template std::map<std::string, std::string> model_metadata(const ImplicitModel<float>&,
                                                           std::int64_t);
template std::map<std::string, std::string> model_metadata(const ImplicitRnn<float>&, std::int64_t);
template void save_model(Context&, const ImplicitModel<float>&, const std::filesystem::path&,
                         std::int64_t, const DataFormat&);
template void save_model(Context&, const ImplicitRnn<float>&, const std::filesystem::path&,
                         std::int64_t, const DataFormat&);
template void put_patterns(Context&, io::Safetensors&, const ImplicitModel<double>&,
                           const std::string&);
template std::string other_patterns(Context&, const io::Safetensors&, const std::string&,
                                    const ImplicitModel<double>&);
template void check_patterns(Context&, const io::Safetensors&, const std::string&,
                             const ImplicitModel<double>&);
template std::map<std::string, std::string> model_metadata(const ImplicitModel<double>&,
                                                           std::int64_t);
template std::map<std::string, std::string> model_metadata(const ImplicitRnn<double>&,
                                                           std::int64_t);
template void save_model(Context&, const ImplicitModel<double>&, const std::filesystem::path&,
                         std::int64_t, const DataFormat&);
template void save_model(Context&, const ImplicitRnn<double>&, const std::filesystem::path&,
                         std::int64_t, const DataFormat&);

}  // namespace idl
