// SPDX-License-Identifier: MIT
#include "host/train/checkpoint.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/io/json_object.hpp"
#include "host/io/json_reader.hpp"
#include "host/model/data_format.hpp"
#include "host/model/describe_model.hpp"
#include "host/model/model_file.hpp"
#include "host/model/sparse_tensors.hpp"
#include "host/options/validate.hpp"
#include "host/train/check_training.hpp"
#include "host/train/training_settings.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"

namespace idl {
namespace {

using Json = nlohmann::json;

constexpr const char* k_file_name = "checkpoint.safetensors";
constexpr const char* k_position_key = "training.position";
constexpr const char* k_settings_key = "training.settings";
constexpr const char* k_data_key = "training.data";

std::string position_text(const TrainingPosition& position) {
  io::JsonObject json;
  json.add("epoch", position.epoch);
  json.add("batch", position.batch);
  json.add("steps", position.steps);
  json.add("loss_sum", position.loss_sum);
  json.add("correct", position.correct);
  json.add("forward_iterations", position.forward_iterations);
  json.add("adjoint_iterations", position.adjoint_iterations);
  json.add("samples", position.samples);
  json.add("not_converged", position.not_converged);
  json.add("best_accuracy", position.best_accuracy);
  // Checkpoints without are those of labels, or of targets before the first epoch's end.
  if (std::isfinite(position.best_loss)) json.add("best_loss", position.best_loss);
  json.add("metrics_length", position.metrics_length);
  return json.text();
}

TrainingPosition position_from(const Json& json, const std::string& path) {
  TrainingPosition position;
  const auto take = [&](const char* key, auto& value) {
    io::take_member(json, key, value, path, k_position_key);
  };
  take("epoch", position.epoch);
  take("batch", position.batch);
  take("steps", position.steps);
  take("loss_sum", position.loss_sum);
  take("correct", position.correct);
  take("forward_iterations", position.forward_iterations);
  take("adjoint_iterations", position.adjoint_iterations);
  take("samples", position.samples);
  take("not_converged", position.not_converged);
  take("best_accuracy", position.best_accuracy);
  if (json.contains("best_loss")) take("best_loss", position.best_loss);
  take("metrics_length", position.metrics_length);
  return position;
}

Json parse_metadata(const io::Safetensors& file, const char* key) {
  return metadata_object(file, key, "this is no checkpoint");
}

void check_position(const TrainingPosition& position, const TrainerOptions& options,
                    const Dataset& train, const std::string& path) {
  const index_t batches = batches_of(train.size(), options.batch_size);
  // Divided, since epoch·batches may overflow. A whole epoch's last batch may be smaller.
  if (position.epoch < 0 || position.batch < 0 || position.batch >= batches ||
      position.steps / batches != position.epoch || position.steps % batches != position.batch ||
      position.samples != position.batch * options.batch_size || position.not_converged < 0)
    throw IoError(path, "the position is impossible: epoch " + std::to_string(position.epoch) +
                            ", batch " + std::to_string(position.batch) + " of " +
                            std::to_string(batches) + ", step " + std::to_string(position.steps) +
                            ", " + std::to_string(position.samples) + " samples, " +
                            std::to_string(position.not_converged) + " of them not converged");
  const auto check = [&](const char* key, double value, const NumberRange& range) {
    if (!contains(range, value))
      throw IoError(path, std::string(k_position_key) + ": " + key + " is " + number_text(value) +
                              ", expected " + expectation<double>(range));
  };
  const auto samples = static_cast<double>(position.samples);
  // Sums and losses are of double, whatever the model is of.
  constexpr double k_most = std::numeric_limits<double>::max();
  constexpr NumberRange k_any = {.lowest = -k_most, .highest = k_most};
  check("loss_sum", position.loss_sum, k_any);
  check("correct", position.correct, {.lowest = 0, .highest = samples});
  check("forward_iterations", position.forward_iterations, ranges::k_not_negative);
  check("adjoint_iterations", position.adjoint_iterations, ranges::k_not_negative);
  check("best_accuracy", position.best_accuracy, {.lowest = -1, .highest = 1});
  // The library's own losses are not negative; of others nothing is known.
  if (position.best_loss != TrainingPosition{}.best_loss)
    check("best_loss", position.best_loss,
          options.custom_loss.index() == 0 ? NumberRange{.lowest = 0, .highest = k_most} : k_any);
}

std::string digests_text(const DataDigests& digests) {
  io::JsonObject json;
  json.add("train", digests.train);
  if (!digests.test.empty()) json.add("test", digests.test);
  return json.text();
}

/// The numbers are those with which the training began. @throws InvalidArgument, IoError
/// @returns whether the epochs before were measured by what measures those that come
bool check_digests(Context& context, const io::Safetensors& file, const DataDigests& digests) {
  if (!file.metadata.contains(k_data_key)) return true;  // of a version that had none
  const Json written = parse_metadata(file, k_data_key);
  const auto changed = [&](const char* key, const std::string& now) {
    std::string before;
    if (written.contains(key)) io::take_member(written, key, before, file.path, k_data_key);
    if (before == now || before.empty() || now.empty()) return std::string();
    return std::string("the CRC-32 of the ") + (key == std::string("train") ? "training" : key) +
           " data was " + before + " and is " + now;
  };
  const std::string train = changed("train", digests.train);
  IDL_CHECK(train.empty(), file.path + " cannot be resumed with other data: " + train +
                               ", so that a feature, a label, a target or a length is another one");
  const std::string test = changed("test", digests.test);
  if (!test.empty())
    context.log(Severity::warning, file.path + ": " + test +
                                       "; what is measured from here on is not of the data that "
                                       "the epochs before were measured with");
  const bool was_tested = written.contains("test");
  if (was_tested == !digests.test.empty()) return true;
  context.log(Severity::warning,
              file.path + (was_tested ? ": there is no test set any more" : ": a test set is new") +
                  "; which epoch is the best is decided anew from here on");
  return false;
}

/// Second moments are means of squares. @throws IoError
template <class T>
void check_squares(std::span<const T> moments, const io::Safetensors& file) {
  const auto negative = std::ranges::find_if(moments, [](T value) { return value < T{0}; });
  if (negative != moments.end())
    throw IoError(file.path, "a second moment of the optimiser is " + number_text(*negative) +
                                 ", a mean of squares is not negative");
}

/// A model whose pattern may be another one than that with which the training began, or that has
/// been pruned since.
template <class T>
void take_patterns(Context& context, const io::Safetensors& file, ImplicitModel<T>& model,
                   Optimizer<T>& optimizer, const PruningOptions& pruning) {
  if (std::ranges::none_of(std::array{"A", "B", "C", "D"}, [&](const char* matrix) {
        return is_sparse(file, matrix) || (pruning.density < 1 && model.is_sparse(matrix));
      }))
    return;
  // Others may refer to the memory of the model.
  if (other_patterns(context, file, "", model).empty()) return;
  ImplicitModel<T> taken =
      take_model<T>(context, file, describe_model(file, {.allow_unproven = true}));
  Optimizer<T> of_taken(context, taken, optimizer.options());
  model = std::move(taken);
  optimizer = std::move(of_taken);
}

/// Of a recurrent model the pattern stays: nothing prunes it.
template <class T>
void take_patterns(Context& context, const io::Safetensors& file, const ImplicitRnn<T>& model,
                   const Optimizer<T>&, const PruningOptions&) {
  check_patterns(context, file, cell_prefix(model.shape()), model.cell());
}

}  // namespace

template <class Model, class T>
void put_trained(Context& context, io::Safetensors& file, const Model& model,
                 Optimizer<T>& optimizer) {
  for_each_trained(
      model, optimizer,
      [&](const std::string& prefix, ConstMatrixView<T> matrix, const ParameterLayout& layout) {
        const std::vector<T> values = download(context, matrix);
        put_tensors<T>(file, prefix, values, layout);
      });
  put_patterns(context, file, model);
}

template <class Model, class T>
void take_trained(Context& context, const io::Safetensors& file, Model& model,
                  Optimizer<T>& optimizer) {
  std::vector<std::vector<T>> values;
  for_each_trained(model, optimizer,
                   [&](const std::string& prefix, MatrixView<T>, const ParameterLayout& layout) {
                     values.push_back(take_tensors<T>(file, prefix, layout));
                     if (prefix.starts_with(k_second_moment)) check_squares<T>(values.back(), file);
                   });
  auto next = values.begin();
  for_each_trained(model, optimizer,
                   [&](const std::string&, MatrixView<T> matrix, const ParameterLayout&) {
                     upload<T>(context, *next++, matrix);
                   });
}

template <class Model, class T>
void write_checkpoint(Context& context, const Model& model, Optimizer<T>& optimizer,
                      const TrainerOptions& options, const Dataset& train,
                      const DataDigests& digests, const TrainingPosition& position) {
  io::Safetensors file;
  file.metadata = model_metadata(model, position.steps);
  file.metadata[k_position_key] = position_text(position);
  file.metadata[k_settings_key] = training_settings(model, options, train);
  file.metadata[k_data_key] = digests_text(digests);
  put_data_format(file, options.data_format, format_shape(model));
  put_trained(context, file, model, optimizer);
  io::write_safetensors(options.folder / k_file_name, file);
}

template <class Model, class T>
TrainingPosition read_checkpoint(Context& context, Model& model, Optimizer<T>& optimizer,
                                 const TrainerOptions& options, const Dataset& train,
                                 const DataDigests& digests) {
  const io::Safetensors file = io::read_safetensors(options.folder / k_file_name);
  check_training_settings(parse_metadata(file, k_settings_key),
                          training_settings(model, options, train), file.path);
  TrainingPosition position = position_from(parse_metadata(file, k_position_key), file.path);
  check_position(position, options, train, file.path);
  IDL_CHECK(take_data_format(file, format_shape(model)) == options.data_format,
            file.path +
                " cannot be resumed with other data: names of features, classes or targets, "
                "or means and scales, are not those that it was trained with");
  if (!check_digests(context, file, digests)) {
    position.best_accuracy = TrainingPosition{}.best_accuracy;
    position.best_loss = TrainingPosition{}.best_loss;
  }
  take_patterns(context, file, model, optimizer, options.pruning);
  take_trained(context, file, model, optimizer);
  optimizer.set_steps(position.steps);
  return position;
}

template void put_trained(Context&, io::Safetensors&, const ImplicitModel<float>&,
                          Optimizer<float>&);
template void take_trained(Context&, const io::Safetensors&, ImplicitModel<float>&,
                           Optimizer<float>&);
template void write_checkpoint(Context&, const ImplicitModel<float>&, Optimizer<float>&,
                               const TrainerOptions&, const Dataset&, const DataDigests&,
                               const TrainingPosition&);
template TrainingPosition read_checkpoint(Context&, ImplicitModel<float>&, Optimizer<float>&,
                                          const TrainerOptions&, const Dataset&,
                                          const DataDigests&);
template void put_trained(Context&, io::Safetensors&, const ImplicitModel<double>&,
                          Optimizer<double>&);
template void take_trained(Context&, const io::Safetensors&, ImplicitModel<double>&,
                           Optimizer<double>&);
template void write_checkpoint(Context&, const ImplicitModel<double>&, Optimizer<double>&,
                               const TrainerOptions&, const Dataset&, const DataDigests&,
                               const TrainingPosition&);
template TrainingPosition read_checkpoint(Context&, ImplicitModel<double>&, Optimizer<double>&,
                                          const TrainerOptions&, const Dataset&,
                                          const DataDigests&);
template void write_checkpoint(Context&, const ImplicitRnn<float>&, Optimizer<float>&,
                               const TrainerOptions&, const Dataset&, const DataDigests&,
                               const TrainingPosition&);
template TrainingPosition read_checkpoint(Context&, ImplicitRnn<float>&, Optimizer<float>&,
                                          const TrainerOptions&, const Dataset&,
                                          const DataDigests&);
template void write_checkpoint(Context&, const ImplicitRnn<double>&, Optimizer<double>&,
                               const TrainerOptions&, const Dataset&, const DataDigests&,
                               const TrainingPosition&);
template TrainingPosition read_checkpoint(Context&, ImplicitRnn<double>&, Optimizer<double>&,
                                          const TrainerOptions&, const Dataset&,
                                          const DataDigests&);

}  // namespace idl
