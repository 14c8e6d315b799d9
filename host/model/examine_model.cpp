// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "host/model/constraint_distance.hpp"
#include "host/model/describe_model.hpp"
#include "host/model/model_file.hpp"
#include "host/model/sparse_tensors.hpp"

namespace idl {
namespace {

/// The first entry that is finite in the file and not in float, and what to do; "" where none is.
std::string beyond_float(const io::Safetensors& file, const std::string& prefix,
                         const ParameterLayout& layout) {
  for (const ParameterTensor& tensor : layout.tensors) {
    const std::string name = prefix + tensor.name;
    const io::Array& array = parameter_array(file, name);
    if (array.type != io::DataType::f64) continue;
    const std::vector<double> values = array.as<double>();
    const auto found = std::ranges::find_if(
        values, [](double value) { return !std::isfinite(static_cast<float>(value)); });
    if (found == values.end()) continue;
    const index_t k = found - values.begin();
    return not_finite_text(entry_name(name, tensor, k / tensor.cols, k % tensor.cols), *found);
  }
  return "";
}

}  // namespace

ModelExamination examine_model(const std::filesystem::path& path, const LoadOptions& options) {
  const io::Safetensors file = io::read_safetensors(path);
  ModelExamination result{.description = describe_model(file, options)};
  const ModelDescription& model = result.description;
  const ParameterLayout layout = model.layout();
  const std::vector<double> M = take_tensors<double>(file, model.prefix, layout);
  result.beyond_float = beyond_float(file, model.prefix, layout);
  if (model.recurrent && model.recurrent->outputs > 0) {
    take_head<double>(file, model);  // for what it refuses
    if (result.beyond_float.empty())
      result.beyond_float =
          beyond_float(file, head_prefix(model.prefix), head_layout(*model.recurrent));
  }
  result.constraint_in_float =
      as_rounded(model.constraint, model, std::numeric_limits<float>::epsilon());
  const auto zeros = std::count(M.begin(), M.end(), 0.0);
  const bool sparse_A = model.stored.contains("A");
  result.type = file.at(model.prefix + layout.tensors[0].name).type;
  result.parameters = static_cast<index_t>(M.size());
  const ModelShape& shape = model.shape;
  const double entries =
      static_cast<double>(shape.states + shape.outputs) *
      static_cast<double>(shape.states + shape.inputs + (model.options.bias ? 1 : 0));
  result.density = static_cast<double>(result.parameters - zeros) /
                   (model.options.rank ? static_cast<double>(result.parameters) : entries);
  Context context(Device::cpu());
  if (sparse_A) {
    const CsrMatrix<double> A(
        context, read_sparse<double>(file, model.prefix + "A", shape.states, shape.states));
    result.well_posedness = examine_well_posedness(context, A.view(), model.options.activation);
    return result;
  }
  const Matrix<double> matrix = Matrix<double>::from_host(context, layout.rows, layout.cols, M);
  const auto part = [&](const char* name) { return layout.at(name).of(matrix.view()); };
  const Activation& activation = model.options.activation;
  result.well_posedness = model.options.rank
                              ? examine_well_posedness(context, part("L"), part("R"), activation)
                              : examine_well_posedness(context, part("A"), activation);
  return result;
}

}  // namespace idl
