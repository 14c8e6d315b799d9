// SPDX-License-Identifier: MIT
#include <algorithm>
#include <vector>

#include "host/model/describe_model.hpp"
#include "host/model/model_file.hpp"
#include "host/model/sparse_tensors.hpp"

namespace idl {

ModelExamination examine_model(const std::filesystem::path& path, const LoadOptions& options) {
  const io::Safetensors file = io::read_safetensors(path);
  ModelExamination result{.description = describe_model(file, options)};
  const ModelDescription& model = result.description;
  const ParameterLayout layout = model.layout();
  const std::vector<double> M = take_tensors<double>(file, model.prefix, layout);
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
