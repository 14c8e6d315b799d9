// SPDX-License-Identifier: MIT
#include <chrono>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "host/cli/answer_pictures.hpp"
#include "host/cli/arguments.hpp"
#include "host/cli/command.hpp"
#include "host/cli/model_flags.hpp"
#include "host/cli/training_data.hpp"
#include "host/io/json_bytes.hpp"
#include "idl/error.hpp"
#include "idl/recurrent.hpp"
#include "idl/trainer.hpp"

namespace idl::cli {
namespace {

struct EvaluateSettings {
  ModelFlags model;
  std::string data;
  TableFlags table;
  std::string device = "auto";
  std::int32_t threads = 0;
  std::string precision = "f32";
  std::int64_t batch = 500;
  bool json = false;
  std::string plot;
  bool allow_unconverged = false;
  SolverOptions solver;
};

/// What nlohmann/json makes of a loss that is not finite is null.
void print_json(const EvaluateSettings& settings, const ModelDescription& description,
                const Context& context, const Evaluation& evaluation, double seconds) {
  nlohmann::ordered_json json = {{"model", io::json_of_bytes(settings.model.path)},
                                 {"assumed", assumed_json(description)},
                                 {"device", to_string(context.device())},
                                 {"samples", evaluation.samples}};
  if (evaluation.regression) {
    json["r2"] = evaluation.regression->r2;
    json["rmse"] = evaluation.regression->rmse;
  } else {
    json["accuracy"] = evaluation.accuracy;
  }
  json["loss"] = evaluation.loss;
  json["mean_iterations"] = evaluation.mean_iterations;
  json["not_converged"] = evaluation.not_converged;
  json["not_finite"] = evaluation.not_finite;
  json["seconds"] = seconds;
  std::cout << json.dump(2) << "\n";
}

template <class Model>
concept Recurrent = requires(const Model& model) {
  model.cell();
};

/// @param inputs  of the model, of a recurrent one in a step
template <class Model>
int evaluate_model(const EvaluateSettings& settings, Context& context, const Model& model,
                   const ModelDescription& description, index_t inputs) {
  IDL_CHECK(settings.plot.empty() || !Recurrent<Model>,
            "--plot is for models without recurrence, " + settings.model.path + " is recurrent");
  TableFlags table = settings.table;
  table.sequences = description.recurrent.has_value();
  const Dataset data =
      read_evaluation_data(settings.data, table, description.data, inputs, model.shape().outputs);
  const LossKind loss =
      data.has_targets() ? LossKind::squared_error : LossKind::softmax_cross_entropy;
  const auto start = std::chrono::steady_clock::now();
  const Evaluation evaluation =
      evaluate(context, model, data, loss, settings.batch, settings.solver);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (settings.json) {
    print_json(settings, description, context, evaluation, seconds);
  } else {
    std::cout << std::fixed;
    if (evaluation.regression)
      std::cout << "test R2 " << std::setprecision(4) << evaluation.regression->r2 << ", RMSE "
                << std::defaultfloat << evaluation.regression->rmse << std::fixed;
    else
      std::cout << "test accuracy " << std::setprecision(2) << 100.0 * evaluation.accuracy << " %";
    // No loss is negative but a NaN may have a sign.
    std::cout << ", loss " << std::setprecision(4) << std::abs(evaluation.loss) << " on "
              << evaluation.samples << " samples (" << std::setprecision(1)
              << evaluation.mean_iterations
              << (Recurrent<Model> ? " iterations per step, " : " iterations per sample, ")
              << evaluation.not_converged << " not converged, " << std::setprecision(2) << seconds
              << " s on " << to_string(context.device()) << ")\n";
  }
  if constexpr (!Recurrent<Model>)
    if (!settings.plot.empty()) {
      const auto files = write_answer_pictures(context, model, data, description.data.classes,
                                               settings.batch, settings.solver, settings.plot);
      if (!settings.json)
        for (const std::filesystem::path& file : files)
          std::cout << "wrote " << file.string() << "\n";
    }
  flush_answer();
  return status_of({.samples = evaluation.samples,
                    .not_converged = evaluation.not_converged,
                    .first_not_converged = evaluation.first_not_converged,
                    .not_finite = evaluation.not_finite,
                    .first_not_finite = evaluation.first_not_finite,
                    .of_losses = true},
                   settings.allow_unconverged);
}

template <class T>
int evaluate_file(const EvaluateSettings& settings) {
  Context context({.device = parse_device(settings.device), .threads = settings.threads});
  const auto& [path, load] = settings.model;
  const auto loaded = load_any_model<T>(context, path, load);
  return std::visit(
      [&](const auto& model) {
        return evaluate_model(settings, context, model, loaded.second, model.shape().inputs);
      },
      loaded.first);
}

}  // namespace

void add_evaluate(CLI::App& app, int& status) {
  auto settings = std::make_shared<EvaluateSettings>();
  CLI::App* command = app.add_subcommand("evaluate", "Measure how well a model does on a test set");
  add_model_flags(*command, settings->model);
  command
      ->add_option("--data", settings->data,
                   "A table, .npy or CSV, or a folder with (Fashion-)MNIST (IDX) or CIFAR-10 "
                   "(binary); of a recurrent model .npy of shape (samples, steps, inputs)")
      ->required();
  add_answer_flags(*command, settings->table);
  add_lengths_flag(*command, settings->table);
  add_number(*command, "--batch", settings->batch, ranges::k_positive_count,
             "Samples solved at a time");
  add_solver_flags(*command, settings->solver);
  add_device_flag(*command, settings->device);
  add_threads_flag(*command, settings->threads);
  add_precision_flag(*command, settings->precision);
  command->add_flag("--json", settings->json, "Print JSON");
  command->add_option("--plot", settings->plot,
                      "Folder for pictures of a second pass over the data: iterations.png, and of "
                      "classes confusion.png");
  add_allow_unconverged_flag(*command, settings->allow_unconverged);
  command->callback([settings, &status] {
    settings->model.load.allow_unproven = true;
    status =
        with_precision(settings->precision, [&]<class T>() { return evaluate_file<T>(*settings); });
  });
}

}  // namespace idl::cli
