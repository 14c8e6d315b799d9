// SPDX-License-Identifier: MIT
#include "host/train/checkpoint.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "host/io/json_reader.hpp"
#include "host/model/model_file.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"

namespace idl {
namespace {

using Json = nlohmann::json;

constexpr const char* k_file_name = "checkpoint.safetensors";
constexpr const char* k_position_key = "training.position";
constexpr const char* k_settings_key = "training.settings";

Json tolerance_json(const Tolerance& tolerance) {
  return {{"max_iterations", tolerance.max_iterations},
          {"absolute", tolerance.absolute},
          {"relative", tolerance.relative},
          {"certified", tolerance.rule == StopRule::certified_bound}};
}

/// Everything beside the parameters that the bits of a training depend on.
template <class T>
Json settings_json(const ImplicitModel<T>& model, const TrainerOptions& options,
                   const Dataset& train) {
  const OptimizerOptions& optimizer = options.optimizer;
  const Schedule& schedule = options.schedule;
  Json settings = {{"precision", std::is_same_v<T, float> ? "f32" : "f64"},
                   {"samples", train.size()},
                   {"features", train.features()},
                   {"classes", train.classes()},
                   {"states", model.shape().states},
                   {"batch_size", options.batch_size},
                   {"loss", to_string(options.loss)},
                   {"optimizer", to_string(optimizer.kind)},
                   {"learning_rate", optimizer.learning_rate},
                   {"beta1", optimizer.beta1},
                   {"beta2", optimizer.beta2},
                   {"epsilon", optimizer.epsilon},
                   {"weight_decay", optimizer.weight_decay},
                   {"momentum", optimizer.momentum},
                   {"nesterov", optimizer.nesterov},
                   {"schedule", to_string(schedule.kind)},
                   {"schedule_period", schedule.period},
                   {"schedule_gamma", schedule.gamma},
                   {"schedule_floor", schedule.floor},
                   {"forward", tolerance_json(options.solver.forward)},
                   {"adjoint", tolerance_json(options.solver.adjoint)},
                   {"batch_invariant", options.solver.batch_invariant},
                   {"shuffle", options.shuffle},
                   {"seed", options.seed}};
  for (const auto& [key, value] : model_metadata(model.options(), 0))
    if (key != "step") settings["model." + key] = value;
  // Only the cosine schedule looks ahead to the end.
  if (schedule.kind == ScheduleKind::cosine) settings["epochs"] = options.epochs;
  return settings;
}

Json position_json(const TrainingPosition& position) {
  return {{"epoch", position.epoch},
          {"batch", position.batch},
          {"steps", position.steps},
          {"loss_sum", position.loss_sum},
          {"correct", position.correct},
          {"forward_iterations", position.forward_iterations},
          {"adjoint_iterations", position.adjoint_iterations},
          {"samples", position.samples},
          {"not_converged", position.not_converged},
          {"best_accuracy", position.best_accuracy},
          {"metrics_length", position.metrics_length}};
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
  take("metrics_length", position.metrics_length);
  return position;
}

Json parse_metadata(const io::Safetensors& file, const char* key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end())
    throw IoError(file.path, std::string("no metadata ") + key + ": this is no checkpoint");
  std::optional<Json> json = io::parse_json<Json>(found->second);
  if (!json || !json->is_object())
    throw IoError(file.path, std::string("metadata ") + key + " is no JSON object");
  return std::move(*json);
}

void check_settings(const Json& written, const Json& wanted, const std::string& path) {
  std::string differences;
  for (const auto& [key, value] : wanted.items()) {
    const Json before = written.contains(key) ? written[key] : Json();
    if (before == value) continue;
    differences += (differences.empty() ? "" : "; ") + key + " was " + before.dump() + " and is " +
                   value.dump();
  }
  IDL_CHECK(differences.empty(), path + " cannot be resumed with other settings: " + differences);
}

void check_position(const TrainingPosition& position, const TrainerOptions& options,
                    const Dataset& train, const std::string& path) {
  const index_t batches = (train.size() + options.batch_size - 1) / options.batch_size;
  // Divided, since epoch·batches may overflow. A whole epoch's last batch may be smaller.
  if (position.epoch < 0 || position.batch < 0 || position.batch >= batches ||
      position.steps / batches != position.epoch || position.steps % batches != position.batch ||
      position.samples != position.batch * options.batch_size || position.not_converged < 0)
    throw IoError(path, "the position is impossible: epoch " + std::to_string(position.epoch) +
                            ", batch " + std::to_string(position.batch) + " of " +
                            std::to_string(batches) + ", step " + std::to_string(position.steps) +
                            ", " + std::to_string(position.samples) + " samples, " +
                            std::to_string(position.not_converged) + " of them not converged");
}

template <class T>
void put(Context& context, io::Safetensors& file, const std::string& prefix,
         ConstMatrixView<T> matrix, const ImplicitModel<T>& model) {
  if (matrix.rows == 0) return;
  const std::vector<T> values = download(context, matrix);
  put_blocks<T>(file, prefix, values, model.shape(), model.options());
}

template <class T>
void take(Context& context, const io::Safetensors& file, const std::string& prefix,
          MatrixView<T> matrix, const ImplicitModel<T>& model) {
  if (matrix.rows == 0) return;
  const std::vector<T> values = take_blocks<T>(file, prefix, model.shape(), model.options());
  upload<T>(context, values, matrix);
}

}  // namespace

template <class T>
void write_checkpoint(Context& context, const ImplicitModel<T>& model, Optimizer<T>& optimizer,
                      const TrainerOptions& options, const Dataset& train,
                      const TrainingPosition& position) {
  io::Safetensors file;
  file.metadata = model_metadata(model.options(), position.steps);
  file.metadata[k_position_key] = position_json(position).dump();
  file.metadata[k_settings_key] = settings_json(model, options, train).dump();
  put<T>(context, file, "", model.M(), model);
  put<T>(context, file, "first_moment.", optimizer.first_moment(), model);
  put<T>(context, file, "second_moment.", optimizer.second_moment(), model);
  io::write_safetensors(options.folder / k_file_name, file);
}

template <class T>
TrainingPosition read_checkpoint(Context& context, ImplicitModel<T>& model, Optimizer<T>& optimizer,
                                 const TrainerOptions& options, const Dataset& train) {
  const io::Safetensors file = io::read_safetensors(options.folder / k_file_name);
  check_settings(parse_metadata(file, k_settings_key), settings_json(model, options, train),
                 file.path);
  const TrainingPosition position = position_from(parse_metadata(file, k_position_key), file.path);
  check_position(position, options, train, file.path);
  take<T>(context, file, "", model.M(), model);
  take<T>(context, file, "first_moment.", optimizer.first_moment(), model);
  take<T>(context, file, "second_moment.", optimizer.second_moment(), model);
  optimizer.set_steps(position.steps);
  return position;
}

template void write_checkpoint(Context&, const ImplicitModel<float>&, Optimizer<float>&,
                               const TrainerOptions&, const Dataset&, const TrainingPosition&);
template void write_checkpoint(Context&, const ImplicitModel<double>&, Optimizer<double>&,
                               const TrainerOptions&, const Dataset&, const TrainingPosition&);
template TrainingPosition read_checkpoint(Context&, ImplicitModel<float>&, Optimizer<float>&,
                                          const TrainerOptions&, const Dataset&);
template TrainingPosition read_checkpoint(Context&, ImplicitModel<double>&, Optimizer<double>&,
                                          const TrainerOptions&, const Dataset&);

}  // namespace idl
