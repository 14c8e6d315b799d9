// SPDX-License-Identifier: MIT
#include "host/train/training_file.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "host/io/json_object.hpp"
#include "host/io/json_reader.hpp"
#include "host/model/model_file.hpp"
#include "host/options/option_table.hpp"
#include "host/options/validate.hpp"
#include "host/train/training_settings.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

constexpr const char* k_key = "training.optimizer";

/// Everything beside parameters, moments and the learning rate that the bits of a step depend on.
template <class T>
io::JsonObject settings_of(const ImplicitModel<T>& model, const OptimizerOptions& options) {
  io::JsonObject settings;
  settings.add("precision", std::is_same_v<T, float> ? "f32" : "f64");
  for_each_option<OptimizerOptions>([&](const auto& option) {
    if (option.key != "learning_rate") settings.add(option.key, plain(options.*option.member));
  });
  settings.add("states", model.shape().states);
  settings.add("inputs", model.shape().inputs);
  settings.add("outputs", model.shape().outputs);
  for (const auto& [key, value] : model_metadata(model, 0))
    if (key != "step") settings.add("model." + key, value);
  if (model.options().rank) settings.add("model.rank", *model.options().rank);
  return settings;
}

}  // namespace

template <class T>
void write_training(Context& context, const ImplicitModel<T>& model, Optimizer<T>& optimizer,
                    const std::filesystem::path& path) {
  const std::string trouble = non_finite_trained(context, model, optimizer);
  if (!trouble.empty())
    throw NotFinite(path.string() + " was not written: of the training to save, " + trouble +
                    " are not finite");
  io::JsonObject settings = settings_of(model, optimizer.options());
  settings.add("steps", optimizer.steps());
  io::Safetensors file;
  file.metadata = model_metadata(model, optimizer.steps());
  file.metadata[k_key] = settings.text();
  put_trained(context, file, model, optimizer);
  io::write_safetensors(path, file);
}

template <class T>
void read_training(Context& context, ImplicitModel<T>& model, Optimizer<T>& optimizer,
                   const std::filesystem::path& path) {
  const io::Safetensors file = io::read_safetensors(path);
  nlohmann::json written = metadata_object(file, k_key, "this is not what a trainer has saved");
  // Files that do not say it yet.
  if (const auto L = file.tensors.find("L");
      L != file.tensors.end() && L->second.shape.size() == 2 && !written.contains("model.rank"))
    written["model.rank"] = L->second.shape[1];
  check_training_settings(written, settings_of(model, optimizer.options()).text(), file.path);
  check_patterns(context, file, "", model);
  std::int64_t steps = 0;
  io::take_member(written, "steps", steps, file.path, k_key);
  if (steps < 0)
    throw IoError(file.path, std::string(k_key) + ": steps is " + std::to_string(steps) +
                                 ", it must be at least 0");
  take_trained(context, file, model, optimizer);
  optimizer.set_steps(steps);
}

template void write_training(Context&, const ImplicitModel<float>&, Optimizer<float>&,
                             const std::filesystem::path&);
template void write_training(Context&, const ImplicitModel<double>&, Optimizer<double>&,
                             const std::filesystem::path&);
template void read_training(Context&, ImplicitModel<float>&, Optimizer<float>&,
                            const std::filesystem::path&);
template void read_training(Context&, ImplicitModel<double>&, Optimizer<double>&,
                            const std::filesystem::path&);

}  // namespace idl
