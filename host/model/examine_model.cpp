// SPDX-License-Identifier: MIT
#include <algorithm>
#include <vector>

#include "host/model/describe_model.hpp"
#include "host/model/model_file.hpp"

namespace idl {

ModelExamination examine_model(const std::filesystem::path& path, const LoadOptions& options) {
  const io::Safetensors file = io::read_safetensors(path);
  ModelExamination result{.description = describe_model(file, options)};
  const ModelDescription& model = result.description;
  const ParameterLayout layout = model.layout();
  const std::vector<double> M = take_tensors<double>(file, model.prefix, layout);
  const auto zeros = std::count(M.begin(), M.end(), 0.0);
  result.type = file.at(model.prefix + "A").type;
  result.parameters = static_cast<index_t>(M.size());
  result.density = static_cast<double>(result.parameters - zeros) / static_cast<double>(M.size());
  Context context(Device::cpu());
  const Matrix<double> matrix = Matrix<double>::from_host(context, layout.rows, layout.cols, M);
  result.well_posedness =
      examine_well_posedness(context, layout.at("A").of(matrix.view()), model.options.activation);
  return result;
}

}  // namespace idl
