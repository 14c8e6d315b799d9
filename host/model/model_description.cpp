// SPDX-License-Identifier: MIT
#include "host/model/describe_model.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <string_view>
#include <type_traits>

#include "host/model/constraint_distance.hpp"
#include "host/model/data_format.hpp"
#include "host/model/low_rank_tensors.hpp"
#include "host/model/model_file.hpp"
#include "host/model/recurrent_tensors.hpp"
#include "host/model/sparse_tensors.hpp"
#include "host/model/structure/csr.hpp"
#include "host/model/tensor_prefix.hpp"
#include "host/options/validate.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

/// Keys of a model file. "format" is PyTorch's own.
constexpr std::array k_known_keys = {
    k_version_key, "format", "activation", "alpha",      "well_posedness", "kappa",
    "bias",        "no_D",   "step",       k_inputs_key, k_input_size_key, k_hidden_size_key};

/// A training checkpoint is a model file with more metadata, whose keys begin with this.
constexpr const char* k_training_prefix = "training.";

constexpr const char* k_nobody_says = "assumed; the file does not say";

const std::string* find(const io::Safetensors& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  return found == file.metadata.end() ? nullptr : &found->second;
}

bool is_ours(const io::Safetensors& file) { return find(file, k_version_key) != nullptr; }

void check_keys(const io::Safetensors& file) {
  const std::string* version = find(file, k_version_key);
  if (version == nullptr) return;  // others may note in their files what they like
  if (*version != k_version)
    throw IoError(file.path, "model format version is '" + *version + "', this library reads " +
                                 std::string(k_version));
  for (const auto& [key, value] : file.metadata) {
    bool known = key.rfind(k_training_prefix, 0) == 0 || is_data_key(key);
    for (const std::string_view name : k_known_keys) known = known || key == name;
    if (!known) throw IoError(file.path, "unknown metadata '" + key + "'");
  }
}

void check_given(const LoadOptions& given) {
  validate(given);
  IDL_CHECK(!given.kappa || !given.well_posedness ||
                *given.well_posedness == WellPosednessKind::inf_norm_ball,
            "kappa is given, but well_posedness is " +
                std::string(to_string(*given.well_posedness)) + "; only inf_norm_ball has a kappa");
}

std::string value_text(const Activation& value) { return std::string(to_string(value)); }
std::string value_text(WellPosednessKind kind) { return std::string(to_string(kind)); }
std::string value_text(double value) { return number_text(value); }
std::string value_text(bool value) { return value ? "true" : "false"; }

void read(const std::string& text, Activation& value) { value = parse_activation(text); }
void read(const std::string& text, WellPosednessKind& value) { value = parse_well_posedness(text); }
void read(const std::string& text, bool& value) {
  value = text == "true" || text == "True";  // Python's str(True)
  IDL_CHECK(value || text == "false" || text == "False", "'" + text + "', expected true or false");
}
template <class Number>
void read(const std::string& text, Number& value) {
  const NumberRange range =
      std::is_integral_v<Number> ? ranges::k_not_negative : NumberRange{};  // the step is a count
  const std::optional<Number> number = parse_number<Number>(text);
  IDL_CHECK(number && contains(range, *number),
            "'" + text + "', which is no number that it may be, " + expectation<Number>(range));
  value = *number;
}

/// What the metadata say of `key`. @throws IoError where that cannot be understood
template <class Value>
std::optional<Value> said(const io::Safetensors& file, const char* key) {
  const std::string* text = find(file, key);
  if (text == nullptr) return std::nullopt;
  Value value{};
  try {
    read(*text, value);
  } catch (const InvalidArgument& error) {
    throw IoError(file.path, std::string("metadata ") + key + ": " + error.what());
  }
  return value;
}

/// What the caller and the metadata say of a model, key by key.
class Statements {
 public:
  Statements(const io::Safetensors& file, const LoadOptions& given, ModelDescription& model)
      : file_(file), given_(given), model_(model) {}

  /// What is said of `key`, by the caller or else by the file; nothing where both are silent.
  template <class Value>
  std::optional<Value> of(const char* key, const std::optional<Value>& given) const {
    if (given && given_.override_metadata) return given;
    const std::optional<Value> by_file = said<Value>(file_, key);
    if (!by_file) return given;
    IDL_CHECK(!given || *given == *by_file,
              file_.path + ": the metadata say that " + key + " is " + value_text(*by_file) +
                  ", but " + value_text(*given) +
                  " was given; override_metadata (--override-metadata) insists on that");
    return by_file;
  }

  template <class Value>
  Value assume(const char* key, Value value, const char* reason = k_nobody_says) const {
    model_.assumptions.push_back({key, value_text(value), reason});
    return value;
  }

  template <class Value>
  Value or_assume(const char* key, const std::optional<Value>& given, Value otherwise) const {
    const std::optional<Value> value = of(key, given);
    return value ? *value : assume(key, otherwise);
  }

  /// Whether the file's number that belongs to `choice` is that of another choice.
  template <class Value>
  bool replaced(const char* key, const std::optional<Value>& choice) const {
    return choice && given_.override_metadata && find(file_, key) != nullptr &&
           said<Value>(file_, key) != choice;
  }

 private:
  const io::Safetensors& file_;
  const LoadOptions& given_;
  ModelDescription& model_;
};

Activation activation_of(const io::Safetensors& file, const LoadOptions& given,
                         const Statements& statements) {
  std::optional<Activation> choice;
  if (given.activation) choice = parse_activation(to_string(*given.activation));
  Activation activation = statements.or_assume("activation", choice, Activation{});
  const double usual = activation.alpha;
  if (!has_alpha(activation)) {
    IDL_CHECK(!given.alpha,
              "alpha is given, but " + std::string(to_string(activation)) + " has none");
    activation.alpha = is_ours(file) ? said<double>(file, "alpha").value_or(usual) : usual;
  } else if (statements.replaced("activation", choice)) {
    activation.alpha = given.alpha ? *given.alpha : statements.assume("alpha", usual);
  } else {
    activation.alpha = statements.or_assume("alpha", given.alpha, usual);
  }
  return activation;
}

/// Tells the rows of A as they lie in the file; nothing where A = LRᵀ.
using RowsOfA = std::function<void(index_t, RowMagnitudes&)>;

/// The entries (i, j) of a tensor.
auto entries_of(const io::Array& array) {
  return [cols = array.shape[1], entries = array.as<double>()](index_t i, index_t j) {
    return entries[static_cast<std::size_t>(i * cols + j)];
  };
}

/// Where nobody says what A is: strictly upper triangular, if it is, and if the usual ball could
/// not hold it.
WellPosednessKind kind_of_A(const RowsOfA& rows, index_t n, const Statements& statements) {
  if (!rows) return statements.assume("well_posedness", WellPosednessKind::inf_norm_ball);
  const double epsilon = std::numeric_limits<float>::epsilon();
  const bool in_ball = !distance_to(WellPosedness::inf_norm_ball(), n, epsilon, rows).outside();
  const auto upper = WellPosedness::strictly_upper_triangular();
  if (!in_ball && !distance_to(upper, n, epsilon, rows).outside())
    return statements.assume("well_posedness", upper.kind,
                             "recognised: A is zero on and below its diagonal");
  return statements.assume("well_posedness", WellPosednessKind::inf_norm_ball);
}

WellPosedness well_posedness_of(const io::Safetensors& file, const LoadOptions& given,
                                const RowsOfA& rows, index_t n, const Statements& statements) {
  std::optional<WellPosednessKind> given_kind = given.well_posedness;
  if (given.kappa) given_kind = WellPosednessKind::inf_norm_ball;
  std::optional<WellPosednessKind> kind = statements.of("well_posedness", given_kind);
  const bool ball = given_kind == WellPosednessKind::inf_norm_ball;
  const bool file_counts = !given.override_metadata || (!given.kappa && (!given_kind || ball));
  std::optional<double> kappa = file_counts ? said<double>(file, "kappa") : std::nullopt;
  // The original package's 0 means that nothing is projected, which says nothing of A.
  if (!is_ours(file) && kappa == 0.0) kappa.reset();
  const bool by_kappa = kappa && find(file, "well_posedness") == nullptr;
  IDL_CHECK(!by_kappa || !given_kind || ball || given.override_metadata,
            file.path + ": the metadata have a kappa, which says inf_norm_ball, but " +
                value_text(*given_kind) +
                " was given; override_metadata (--override-metadata) insists on that");
  if (!kind && kappa) kind = WellPosednessKind::inf_norm_ball;
  WellPosedness result;
  result.kind = kind ? *kind : kind_of_A(rows, n, statements);
  if (result.kind != WellPosednessKind::inf_norm_ball) {
    result.kappa = kappa.value_or(result.kappa);
  } else if (given.kappa || !kappa || statements.replaced("well_posedness", given_kind)) {
    if (kappa) statements.of("kappa", given.kappa);
    result.kappa = given.kappa ? *given.kappa : statements.assume("kappa", result.kappa);
  } else {
    result.kappa = *kappa;
    if (!contains(ranges::k_kappa, *kappa))
      throw IoError(file.path, "metadata kappa is " + number_text(*kappa) + ", expected " +
                                   expectation<double>(ranges::k_kappa));
  }
  return result;
}

index_t rows_in_file(const io::Safetensors& file, const std::string& matrix) {
  return is_sparse(file, matrix) ? sparse_rows(file, matrix)
                                 : parameter_matrix(file, matrix).shape[0];
}

/// Columns that no entry names take no room in a file. So many are believed all the same, and more
/// where there are entries: then what is allocated fits the file.
constexpr std::int64_t k_most_unproven_inputs = std::int64_t{1} << 20U;
constexpr std::int64_t k_most_inputs_of_entry = 16;

std::int64_t stored_entries(const io::Safetensors& file, const std::string& matrix) {
  return is_sparse(file, matrix) ? file.at(matrix + ".values").size() : 0;
}

/// Without the bias, by the columns of B and D; nothing where both are in compressed rows, which do
/// not tell their columns.
std::optional<index_t> stored_inputs(const io::Safetensors& file, const std::string& prefix,
                                     bool bias) {
  for (const char* matrix : {"B", "D"})
    if (const std::string name = prefix + matrix; file.contains(name) && !is_sparse(file, name))
      return parameter_matrix(file, name).shape[1] - (bias ? 1 : 0);
  return std::nullopt;
}

index_t inputs_of(const io::Safetensors& file, const std::string& prefix, bool bias) {
  const std::optional<index_t> stored = stored_inputs(file, prefix, bias);
  if (stored && !is_ours(file)) return *stored;  // others may call something else so
  const std::optional<std::int64_t> inputs = said<std::int64_t>(file, k_inputs_key);
  if (stored && inputs.value_or(*stored) != *stored)
    throw IoError(file.path, "metadata " + std::string(k_inputs_key) + " is " +
                                 std::to_string(*inputs) + ", but by B and D the model has " +
                                 std::to_string(*stored) + (bias ? " beside the bias" : ""));
  if (stored) return *stored;
  if (!inputs)
    throw IoError(file.path,
                  "nothing tells the number of inputs: B and D are in compressed rows, "
                  "and the metadata have no '" +
                      std::string(k_inputs_key) + "'");
  const std::int64_t entries =
      stored_entries(file, prefix + "B") + stored_entries(file, prefix + "D");
  const std::int64_t most = std::max(k_most_unproven_inputs, k_most_inputs_of_entry * entries);
  if (*inputs > most)
    throw IoError(file.path, "metadata " + std::string(k_inputs_key) + " is " +
                                 std::to_string(*inputs) + ", more than the " +
                                 std::to_string(most) + " that " + std::to_string(entries) +
                                 " entries of B and D may have");
  return *inputs;
}

/// The sizes by A, B and C. @throws IoError where one is missing or empty
ModelShape shape_of(const io::Safetensors& file, const std::string& prefix,
                    const ModelOptions& options) {
  const ModelShape shape{.states = rows_in_file(file, prefix + (options.rank ? "L" : "A")),
                         .inputs = inputs_of(file, prefix, options.bias),
                         .outputs = rows_in_file(file, prefix + "C")};
  if (shape.states < 1 || shape.inputs < 1 || shape.outputs < 1)
    throw IoError(file.path, "the model has " + std::to_string(shape.states) + " states, " +
                                 std::to_string(shape.inputs) + " inputs and " +
                                 std::to_string(shape.outputs) +
                                 " outputs; each must be at least 1");
  return shape;
}

/// Whether the model has no D. What is said of that must agree with the tensors.
bool no_D_of(const io::Safetensors& file, const LoadOptions& given, const std::string& prefix,
             const Statements& statements) {
  const std::string name = prefix + "D";
  const bool no_D = statements.of("no_D", given.no_D).value_or(false);
  const bool missing = !has_matrix(file, name);
  if (no_D && !missing)
    throw IoError(file.path, "no_D is said to be true, but there is " + tensor_list(file, name));
  if (missing && !no_D)
    throw IoError(file.path, "has no tensor '" + name + "' beside " + tensor_list(file, prefix) +
                                 "; a model without D has to be said to be one: no_D (--no-D, or "
                                 "true in the metadata)");
  return no_D;
}

/// Checks the tensors of the matrices. @returns the rows of A
RowsOfA check_matrices(const io::Safetensors& file, ModelDescription& model) {
  RowsOfA rows;
  for (const TensorSize& size : matrix_sizes(model.shape, model.options)) {
    const std::string matrix = model.prefix + size.name;
    const auto check = [&](const std::string& name, index_t row_count, index_t col_count) {
      check_tensors(file, model.prefix, layout_alone(name, row_count, col_count));
    };
    if (is_sparse(file, matrix)) {
      CsrArrays<double> arrays = read_sparse<double>(file, matrix, size.rows, size.cols);
      model.stored[size.name] = static_cast<index_t>(arrays.values.size());
      if (size.name == "A") rows = csr_rows(std::move(arrays));
    } else if (size.rank) {
      check("L", size.rows, *size.rank);
      check("R", size.cols, *size.rank);
    } else {
      check(size.name, size.rows, size.cols);
      if (size.name == "A") rows = dense_rows(size.cols, entries_of(file.at(matrix)));
    }
  }
  return rows;
}

/// Where A lies, as it is in the file.
ConstraintDistance distance_in_file(const io::Safetensors& file, const ModelDescription& model,
                                    const RowsOfA& rows) {
  const double epsilon =
      file.at(model.prefix + model.layout().tensors[0].name).type == io::DataType::f64
          ? std::numeric_limits<double>::epsilon()
          : std::numeric_limits<float>::epsilon();
  const WellPosedness& constraint = model.options.well_posedness;
  const index_t n = model.shape.states;
  if (!model.options.rank) return distance_to(constraint, n, epsilon, rows);
  return distance_of_factors(constraint, n, *model.options.rank, epsilon,
                             entries_of(file.at(model.prefix + "L")),
                             entries_of(file.at(model.prefix + "R")));
}

}  // namespace

std::string to_text(const Assumption& assumption) {
  return assumption.key + ": " + assumption.value + " (" + assumption.reason + ")";
}

ParameterLayout ModelDescription::layout() const {
  if (stored.empty()) return layout_of(shape, options);
  std::vector<TensorSize> sizes = matrix_sizes(shape, options);
  for (TensorSize& size : sizes)
    if (const auto found = stored.find(size.name); found != stored.end())
      size.stored = found->second;
  return sparse_layout(sizes);
}

ModelDescription describe_model(const io::Safetensors& file, const LoadOptions& given) {
  check_keys(file);
  check_given(given);
  ModelDescription model;
  model.prefix = tensor_prefix(file, given.prefix, is_ours(file));
  const Statements statements(file, given, model);
  model.options.activation = activation_of(file, given, statements);
  model.options.allow_unproven = given.allow_unproven;
  model.options.no_D = no_D_of(file, given, model.prefix, statements);
  model.options.rank = rank_of(file, model.prefix);
  const std::optional<bool> bias = statements.of("bias", given.bias);
  model.options.bias = bias.value_or(false);
  model.shape = shape_of(file, model.prefix, model.options);
  model.recurrent = recurrent_shape_of(file, model.prefix, model.shape);
  const RowsOfA rows = check_matrices(file, model);
  model.options.well_posedness =
      well_posedness_of(file, given, rows, model.shape.states, statements);
  if (model.options.rank &&
      model.options.well_posedness.kind == WellPosednessKind::strictly_upper_triangular)
    throw IoError(file.path, "A is L R^T, which is not kept strictly upper triangular");
  if (!bias) statements.assume("bias", false);
  if (is_ours(file)) {
    model.step = said<std::int64_t>(file, "step").value_or(0);
    model.data = take_data_format(file, format_shape(model));
  }
  model.constraint = distance_in_file(file, model, rows);
  return model;
}

ModelDescription describe_model(const std::filesystem::path& path, const LoadOptions& options) {
  return describe_model(io::read_safetensors(path), options);
}

}  // namespace idl
