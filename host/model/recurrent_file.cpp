// SPDX-License-Identifier: MIT
#include <utility>
#include <vector>

#include "host/model/describe_model.hpp"
#include "host/model/model_file.hpp"
#include "host/model/recurrent_tensors.hpp"
#include "host/options/ranges.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

/// A size in the metadata. @throws IoError where it is no number that it may be
std::optional<index_t> said_size(const io::Safetensors& file, const char* key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) return std::nullopt;
  const std::optional<std::int64_t> size = parse_number<std::int64_t>(found->second);
  if (!size || *size < 1)
    throw IoError(file.path, std::string("metadata ") + key + " is '" + found->second +
                                 "', expected a whole number from 1 on");
  return *size;
}

void check_size(const io::Safetensors& file, const char* key, const std::optional<index_t>& said,
                index_t size, const ModelShape& cell) {
  if (said.value_or(size) != size)
    throw IoError(file.path, "metadata " + std::string(key) + " is " + std::to_string(*said) +
                                 ", but the cell takes " + std::to_string(cell.inputs) +
                                 " numbers and gives " + std::to_string(cell.outputs) +
                                 ", of which it must be " + std::to_string(size));
}

}  // namespace

ModelShape format_shape(const ModelDescription& model) {
  return model.recurrent ? data_shape(*model.recurrent) : model.shape;
}

std::optional<RecurrentShape> recurrent_shape_of(const io::Safetensors& file,
                                                 const std::string& prefix,
                                                 const ModelShape& cell) {
  const bool with_head = prefix.ends_with(k_cell_prefix_with_head);
  const bool ours = file.metadata.contains(k_version_key);
  std::optional<index_t> inputs, hidden;
  // Alone they may be anything of another program's.
  if (ours ||
      (file.metadata.contains(k_input_size_key) && file.metadata.contains(k_hidden_size_key))) {
    inputs = said_size(file, k_input_size_key);
    hidden = said_size(file, k_hidden_size_key);
  }
  if (ours && inputs.has_value() != hidden.has_value())
    throw IoError(file.path, std::string("the metadata have ") +
                                 (inputs ? k_input_size_key : k_hidden_size_key) + " and no " +
                                 (inputs ? k_hidden_size_key : k_input_size_key) +
                                 ", a recurrent model has both");
  if (!with_head && !(inputs && hidden)) return std::nullopt;
  RecurrentShape shape{
      .inputs = cell.inputs - cell.outputs, .states = cell.states, .hidden = cell.outputs};
  if (shape.inputs < 1)
    throw IoError(file.path, "the recurrent cell takes " + std::to_string(cell.inputs) +
                                 " numbers and gives " + std::to_string(cell.outputs) +
                                 ", which it takes again in the next step: none is left for x");
  check_size(file, k_input_size_key, inputs, shape.inputs, cell);
  check_size(file, k_hidden_size_key, hidden, shape.hidden, cell);
  if (!with_head) return shape;
  shape.outputs = parameter_matrix(file, head_prefix(prefix) + "linear.weight").shape[0];
  if (shape.outputs < 1) throw IoError(file.path, "linear.weight has no rows");
  check_tensors(file, head_prefix(prefix), head_layout(shape));
  return shape;
}

template <class T>
std::vector<T> take_head(const io::Safetensors& file, const ModelDescription& model) {
  return take_tensors<T>(file, head_prefix(model.prefix), head_layout(*model.recurrent));
}

template <class T>
std::pair<AnyModel<T>, ModelDescription> load_any_model(Context& context,
                                                        const std::filesystem::path& path,
                                                        const LoadOptions& options) {
  const io::Safetensors file = io::read_safetensors(path);
  auto [cell, model] =
      take_described_model<T>(context, file, describe_model(file, options), options);
  if (!model.recurrent) return {std::move(cell), std::move(model)};
  const RecurrentShape& shape = *model.recurrent;
  std::optional<Matrix<T>> head;
  std::optional<ConstMatrixView<T>> W_b;
  if (shape.outputs > 0) {
    head =
        Matrix<T>::from_host(context, shape.outputs, shape.hidden + 1, take_head<T>(file, model));
    W_b = std::as_const(*head).view();
  }
  ImplicitRnn<T> rnn(context, std::move(cell), shape.inputs, W_b);
  return {std::move(rnn), std::move(model)};
}

template <class T>
ImplicitRnn<T> load_rnn(Context& context, const std::filesystem::path& path,
                        const LoadOptions& options) {
  auto [model, description] = load_any_model<T>(context, path, options);
  if (auto* rnn = std::get_if<ImplicitRnn<T>>(&model)) return std::move(*rnn);
  throw IoError(path.string(),
                "is no recurrent model: its metadata do not have both input_size and hidden_size, "
                "nor is A called recurrent.layer.A");
}

template std::vector<float> take_head(const io::Safetensors&, const ModelDescription&);
template std::vector<double> take_head(const io::Safetensors&, const ModelDescription&);
template std::pair<AnyModel<float>, ModelDescription> load_any_model(Context&,
                                                                     const std::filesystem::path&,
                                                                     const LoadOptions&);
template std::pair<AnyModel<double>, ModelDescription> load_any_model(Context&,
                                                                      const std::filesystem::path&,
                                                                      const LoadOptions&);
template ImplicitRnn<float> load_rnn(Context&, const std::filesystem::path&, const LoadOptions&);
template ImplicitRnn<double> load_rnn(Context&, const std::filesystem::path&, const LoadOptions&);

}  // namespace idl
