// SPDX-License-Identifier: MIT
#include "host/model/model_file.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <new>
#include <stdexcept>
#include <vector>

#include "host/io/checked_size.hpp"
#include "host/model/blocks.hpp"
#include "host/model/non_finite.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

constexpr const char* k_version_key = "idl_format_version";
constexpr const char* k_version = "1";

/// Keys of a model file. "format" is PyTorch's own.
constexpr std::array k_known_keys = {k_version_key, "format",         "activation",
                                     "alpha",       "well_posedness", "kappa",
                                     "bias",        "no_D",           "step"};

/// A training checkpoint is a model file with more metadata, whose keys begin with this.
constexpr const char* k_training_prefix = "training.";

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + ")";
}

/// The shortest text that reads back as the same double.
std::string number_text(double value) {
  std::array<char, 64> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

template <class Number>
Number read_number(const io::Safetensors& file, const std::string& key, const std::string& text) {
  Number value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size())
    throw IoError(file.path, "metadata " + key + " is '" + text + "', which is no number");
  return value;
}

bool read_bool(const io::Safetensors& file, const std::string& key, const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  throw IoError(file.path, "metadata " + key + " is '" + text + "', expected true or false");
}

const std::string* find(const io::Safetensors& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  return found == file.metadata.end() ? nullptr : &found->second;
}

void check_keys(const io::Safetensors& file) {
  const std::string* version = find(file, k_version_key);
  if (version == nullptr) return;  // not ours: its metadata mean nothing to us
  if (*version != k_version)
    throw IoError(file.path, "model format version is '" + *version + "', this library reads " +
                                 std::string(k_version));
  for (const auto& [key, value] : file.metadata) {
    bool known = key.rfind(k_training_prefix, 0) == 0;
    for (const std::string_view name : k_known_keys) known = known || key == name;
    if (!known) throw IoError(file.path, "unknown metadata '" + key + "'");
  }
}

/// A matrix of zeros. @throws OutOfMemory
template <class T>
std::vector<T> zeros(index_t rows, index_t cols) {
  const auto count =
      io::checked_product(static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(cols));
  const std::size_t bytes = count ? *count * sizeof(T) : std::numeric_limits<std::size_t>::max();
  try {
    if (count) return std::vector<T>(static_cast<std::size_t>(*count), T(0));
  } catch (const std::bad_alloc&) {  // reported below
  } catch (const std::length_error&) {
  }
  throw OutOfMemory("cpu", bytes, 0);
}

const io::Array& matrix(const io::Safetensors& file, const std::string& name) {
  const io::Array& array = file.at(name);
  if (array.shape.size() != 2)
    throw IoError(file.path,
                  name + " has shape " + shape_text(array.shape) + ", expected two dimensions");
  return array;
}

/// @throws IoError where the block is missing or has another shape
void check_block(const io::Safetensors& file, const std::string& prefix, const Block& block) {
  const std::string name = prefix + block.name;
  const io::Array& array = matrix(file, name);
  const std::vector<std::int64_t> expected = {block.rows, block.cols};
  if (array.shape != expected)
    throw IoError(file.path, name + " has shape " + shape_text(array.shape) + ", expected " +
                                 shape_text(expected));
}

}  // namespace

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
  for (const Block& block : blocks_of(shape, options)) check_block(file, prefix, block);
  const index_t ld = shape.states + shape.outputs;
  std::vector<T> M = zeros<T>(ld, shape.states + shape.inputs + (options.bias ? 1 : 0));
  for (const Block& block : blocks_of(shape, options)) {
    const std::string name = prefix + block.name;
    const std::vector<T> values = matrix(file, name).template as<T>();
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

ModelOptions options_from_metadata(const io::Safetensors& file, const LoadOptions& given) {
  check_keys(file);
  const bool ours = find(file, k_version_key) != nullptr;
  const auto value_of = [&](const char* key) { return ours ? find(file, key) : nullptr; };
  ModelOptions options;
  try {
    if (const std::string* text = value_of("activation"))
      options.activation = parse_activation(*text);
    if (const std::string* text = value_of("well_posedness"))
      options.well_posedness.kind = parse_well_posedness(*text);
  } catch (const InvalidArgument& error) {
    throw IoError(file.path, error.what());
  }
  if (const std::string* text = value_of("alpha"))
    options.activation.alpha = read_number<double>(file, "alpha", *text);
  if (const std::string* text = value_of("kappa"))
    options.well_posedness.kappa = read_number<double>(file, "kappa", *text);
  if (const std::string* text = value_of("bias")) options.bias = read_bool(file, "bias", *text);
  options.no_D = file.tensors.find("D") == file.tensors.end();
  if (const std::string* text = value_of("no_D"))
    if (read_bool(file, "no_D", *text) != options.no_D)
      throw IoError(file.path, "metadata no_D is " + *text + ", but D is " +
                                   (options.no_D ? "missing" : "there"));
  if (given.activation) options.activation = *given.activation;
  if (given.well_posedness) options.well_posedness = *given.well_posedness;
  if (given.bias) options.bias = *given.bias;
  options.allow_unproven = given.allow_unproven;
  return options;
}

std::int64_t step_from_metadata(const io::Safetensors& file) {
  const std::string* text = find(file, k_version_key) == nullptr ? nullptr : find(file, "step");
  return text == nullptr ? 0 : read_number<std::int64_t>(file, "step", *text);
}

ModelShape shape_from_blocks(const io::Safetensors& file, const ModelOptions& options) {
  const std::int64_t bias = options.bias ? 1 : 0;
  const ModelShape shape{.states = matrix(file, "A").shape[0],
                         .inputs = matrix(file, "B").shape[1] - bias,
                         .outputs = matrix(file, "C").shape[0]};
  if (shape.states < 1 || shape.inputs < 1 || shape.outputs < 1)
    throw IoError(file.path, "the model has " + std::to_string(shape.states) + " states, " +
                                 std::to_string(shape.inputs) + " inputs and " +
                                 std::to_string(shape.outputs) +
                                 " outputs; each must be at least 1");
  return shape;
}

template <class T>
void save_model(Context& context, const ImplicitModel<T>& model, const std::filesystem::path& path,
                std::int64_t step) {
  // What is saved is feasible, also where parameters were changed since the last projection.
  ImplicitModel<T> feasible = model.clone(context);
  feasible.project(context);
  const ConstMatrixView<T> parameters = std::as_const(feasible).M();
  const std::string trouble =
      non_finite_blocks<T>(context, parameters, "", model.shape(), model.options());
  if (!trouble.empty())
    throw NotFinite(path.string() + " was not written: of the model to save, " + trouble +
                    " are not finite");
  const std::vector<T> M = download<T>(context, parameters);
  io::Safetensors file;
  file.metadata = model_metadata(model.options(), step);
  put_blocks<T>(file, "", M, model.shape(), model.options());
  io::write_safetensors(path, file);
}

template <class T>
ImplicitModel<T> load_model(Context& context, const std::filesystem::path& path,
                            const LoadOptions& options) {
  const io::Safetensors file = io::read_safetensors(path);
  const ModelOptions model_options = options_from_metadata(file, options);
  const ModelShape shape = shape_from_blocks(file, model_options);
  const std::vector<T> M = take_blocks<T>(file, "", shape, model_options);
  ImplicitModel<T> model(context, shape, model_options);
  upload<T>(context, M, model.M());
  model.project(context);
  return model;
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
template ImplicitModel<float> load_model(Context&, const std::filesystem::path&,
                                         const LoadOptions&);
template ImplicitModel<double> load_model(Context&, const std::filesystem::path&,
                                          const LoadOptions&);

}  // namespace idl
