// SPDX-License-Identifier: MIT
#include "host/cli/weights_file.hpp"

#include <list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/cli/mat_file.hpp"
#include "idl/csr_matrix.hpp"

namespace idl::cli {

template <class T>
void write_weights(Context& context, const ImplicitModel<T>& model,
                   const std::filesystem::path& path,
                   const std::optional<ConstMatrixView<T>>& head) {
  const ModelOptions& options = model.options();
  // What the variables refer to.
  std::list<std::vector<T>> values;
  std::list<CsrArrays<T>> transposes;
  std::vector<MatVariable> variables;
  const auto add = [&](const std::string& name, index_t rows, index_t cols, std::vector<T> matrix) {
    values.push_back(std::move(matrix));
    variables.push_back({name, MatMatrix<T>{rows, cols, std::span<const T>(values.back())}});
  };
  for (const ParameterTensor& tensor : model.layout().tensors) {
    const std::string name = tensor.name.substr(0, tensor.name.find('.'));  // "A" of "A.values"
    if (model.is_sparse(name)) {
      transposes.push_back(transposed(download(context, model.csr(name))));
      variables.push_back({name, MatSparse<T>{transposes.back()}});
    } else {
      add(name, tensor.rows, tensor.cols, download(context, tensor.of(model.M())));
    }
  }
  if (options.no_D) {
    const index_t rows = model.shape().outputs;
    const index_t cols = model.input_rows();
    add("D", rows, cols, std::vector<T>(static_cast<std::size_t>(rows * cols)));
  }
  if (head && head->cols > 0) {
    const index_t hidden = head->cols - 1;
    add("W", head->rows, hidden, download(context, head->columns(0, hidden)));
    add("b", head->rows, 1, download(context, head->columns(hidden, 1)));
  }
  variables.push_back({"activation", std::string(to_string(options.activation))});
  if (has_alpha(options.activation)) variables.push_back({"alpha", options.activation.alpha});
  variables.push_back({"well_posedness", std::string(to_string(options.well_posedness.kind))});
  variables.push_back({"kappa", options.well_posedness.kappa});
  variables.push_back({"bias", options.bias ? 1.0 : 0.0});
  write_mat(path, variables);
}

template void write_weights(Context&, const ImplicitModel<float>&, const std::filesystem::path&,
                            const std::optional<ConstMatrixView<float>>&);
template void write_weights(Context&, const ImplicitModel<double>&, const std::filesystem::path&,
                            const std::optional<ConstMatrixView<double>>&);

}  // namespace idl::cli
