// SPDX-License-Identifier: MIT
#include "host/model/model_file.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "host/io/checked_size.hpp"
#include "host/model/blocks.hpp"
#include "host/model/model_description.hpp"
#include "host/model/non_finite.hpp"
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

void check_block(const io::Safetensors& file, const std::string& prefix, const Block& block) {
  const std::string name = prefix + block.name;
  const io::Array& array = parameter_matrix(file, name);
  const std::vector<std::int64_t> expected = {block.rows, block.cols};
  if (array.shape != expected)
    throw IoError(file.path, name + " has shape " + io::shape_text(array.shape) + ", expected " +
                                 io::shape_text(expected) + " beside " + tensor_list(file, prefix));
}

}  // namespace

void check_blocks(const io::Safetensors& file, const std::string& prefix, const ModelShape& shape,
                  const ModelOptions& options) {
  for (const Block& block : blocks_of(shape, options)) check_block(file, prefix, block);
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
  // Integers would be codes of a quantised matrix, whose scale lies elsewhere.
  if (array.type != io::DataType::f32 && array.type != io::DataType::f64)
    throw IoError(file.path, name + " holds integers, expected F32, F64, F16 or BF16");
  return array;
}

template <class T>
void put_blocks(io::Safetensors& file, const std::string& prefix, std::span<const T> M,
                const ModelShape& shape, const ModelOptions& options) {
  const index_t ld = shape.states + shape.outputs;
  for (const Block& block : blocks_of(shape, options)) {
    std::vector<T> values;
    values.reserve(static_cast<std::size_t>(block.rows * block.cols));
    for (index_t i = 0; i < block.rows; ++i)
      for (index_t j = 0; j < block.cols; ++j)
        values.push_back(M[static_cast<std::size_t>(block.row + i + (block.col + j) * ld)]);
    file.tensors[prefix + block.name] =
        io::Array::from<T>({block.rows, block.cols}, std::span<const T>(values));
  }
}

template <class T>
std::vector<T> take_blocks(const io::Safetensors& file, const std::string& prefix,
                           const ModelShape& shape, const ModelOptions& options) {
  // First, since only shapes that fit each other make sizes that are to be believed: blocks without
  // elements may have any extents.
  check_blocks(file, prefix, shape, options);
  const index_t ld = shape.states + shape.outputs;
  std::vector<T> M = zeros<T>(ld, shape.states + shape.inputs + (options.bias ? 1 : 0));
  for (const Block& block : blocks_of(shape, options)) {
    const std::string name = prefix + block.name;
    const std::vector<T> values = parameter_matrix(file, name).template as<T>();
    for (index_t i = 0; i < block.rows; ++i)
      for (index_t j = 0; j < block.cols; ++j) {
        const T value = values[static_cast<std::size_t>(i * block.cols + j)];
        if (!std::isfinite(value))
          throw IoError(file.path, name + "[" + std::to_string(i) + ", " + std::to_string(j) +
                                       "] is not finite");
        M[static_cast<std::size_t>(block.row + i + (block.col + j) * ld)] = value;
      }
  }
  return M;
}

std::map<std::string, std::string> model_metadata(const ModelOptions& options, std::int64_t step) {
  return {{k_version_key, k_version},
          {"format", "pt"},
          {"activation", std::string(to_string(options.activation.kind))},
          {"alpha", number_text(options.activation.alpha)},
          {"well_posedness", std::string(to_string(options.well_posedness.kind))},
          {"kappa", number_text(options.well_posedness.kappa)},
          {"bias", options.bias ? "true" : "false"},
          {"no_D", options.no_D ? "true" : "false"},
          {"step", std::to_string(step)}};
}

namespace {

/// M as it is to be saved: feasible, also where parameters were changed since the last projection.
template <class T>
std::vector<T> feasible_parameters(Context& context, const ImplicitModel<T>& model) {
  std::vector<T> M = download(context, model.M());
  const WellPosedness& constraint = model.options().well_posedness;
  const index_t ld = model.shape().states + model.shape().outputs;
  const auto distance =
      distance_to(constraint, model.shape().states, std::numeric_limits<T>::epsilon(),
                  [&](index_t i, index_t j) { return M[static_cast<std::size_t>(i + j * ld)]; });
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

template <class T>
void save_model(Context& context, const ImplicitModel<T>& model, const std::filesystem::path& path,
                std::int64_t step) {
  const std::string trouble =
      non_finite_blocks<T>(context, model.M(), "", model.shape(), model.options());
  if (!trouble.empty())
    throw NotFinite(path.string() + " was not written: of the model to save, " + trouble +
                    " are not finite");
  const std::vector<T> M = feasible_parameters(context, model);
  io::Safetensors file;
  file.metadata = model_metadata(model.options(), step);
  put_blocks<T>(file, "", M, model.shape(), model.options());
  io::write_safetensors(path, file);
}

template void put_blocks(io::Safetensors&, const std::string&, std::span<const float>,
                         const ModelShape&, const ModelOptions&);
template void put_blocks(io::Safetensors&, const std::string&, std::span<const double>,
                         const ModelShape&, const ModelOptions&);
template std::vector<float> take_blocks(const io::Safetensors&, const std::string&,
                                        const ModelShape&, const ModelOptions&);
template std::vector<double> take_blocks(const io::Safetensors&, const std::string&,
                                         const ModelShape&, const ModelOptions&);
template void save_model(Context&, const ImplicitModel<float>&, const std::filesystem::path&,
                         std::int64_t);
template void save_model(Context&, const ImplicitModel<double>&, const std::filesystem::path&,
                         std::int64_t);

}  // namespace idl
