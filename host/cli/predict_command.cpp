// SPDX-License-Identifier: MIT
#include <cmath>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>

#include "host/cli/command.hpp"
#include "host/cli/model_flags.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"
#include "idl/model.hpp"

namespace idl::cli {
namespace {

struct PredictSettings {
  ModelFlags model;
  std::string input;
  std::string output;
  std::string state;
  std::string report;
  std::string device = "auto";
  std::int32_t threads = 0;
  std::string precision = "f32";
  SolverOptions solver;
  std::string sweep = "automatic";
  std::string acceleration = "automatic";
  std::string arithmetic = "full";
  bool certified = false;
  bool allow_unconverged = false;
};

/// JSON has no infinity: a bound that is not finite becomes null.
nlohmann::json finite_or_null(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
}

nlohmann::ordered_json report_json(const SolveReport& report, const PredictSettings& settings,
                                   const ModelDescription& model) {
  nlohmann::ordered_json samples = nlohmann::ordered_json::array();
  for (std::size_t j = 0; j < report.status.size(); ++j)
    samples.push_back({{"status", to_string(report.status[j])},
                       {"iterations", report.iterations[j]},
                       {"low_precision_iterations", report.low_precision_iterations[j]},
                       {"fallbacks", report.fallbacks[j]},
                       {"step", finite_or_null(report.step[j])},
                       {"residual", finite_or_null(report.residual[j])},
                       {"error_bound", finite_or_null(report.error_bound[j])}});
  return {{"model", settings.model.path},
          {"assumed", assumed_json(model)},
          {"input", settings.input},
          {"precision", settings.precision},
          {"contraction", finite_or_null(report.contraction)},
          {"all_converged", report.all_converged()},
          {"worst_error_bound", finite_or_null(report.worst_error_bound())},
          {"samples", std::move(samples)}};
}

template <class T>
Matrix<T> read_input(Context& context, const std::string& path, index_t inputs) {
  const io::Array array = io::read_npy(path);
  IDL_CHECK(array.shape.size() == 1 || array.shape.size() == 2,
            path + " has " + std::to_string(array.shape.size()) +
                " dimensions, expected (samples, inputs)");
  const bool batch = array.shape.size() == 2;
  const index_t p = array.shape[batch ? 1 : 0];
  const index_t m = batch ? array.shape[0] : 1;
  IDL_CHECK(p == inputs, path + " has samples of " + std::to_string(p) + " values, the model has " +
                             std::to_string(inputs) + " inputs");
  const std::vector<T> values = array.as<T>();
  return Matrix<T>::from_host(context, p, m, values);
}

template <class T>
void write_columns(const std::vector<T>& values, const Matrix<T>& matrix, const std::string& path) {
  io::write_npy(path, io::Array::from<T>({matrix.cols(), matrix.rows()}, std::span(values)));
}

template <class T>
int predict(const PredictSettings& settings) {
  Context context({.device = parse_device(settings.device), .threads = settings.threads});
  const auto [model, description] =
      load_described_model<T>(context, settings.model.path, settings.model.load);
  const Matrix<T> U = read_input<T>(context, settings.input, model.shape().inputs);
  const Prediction<T> prediction = model.predict(context, U, settings.solver);
  const std::vector<T> Y = download(context, prediction.Y);
  write_columns(Y, prediction.Y, settings.output);
  if (!settings.state.empty())
    write_columns(download(context, prediction.X), prediction.X, settings.state);
  const SolveReport& report = prediction.report;
  if (!settings.report.empty()) {
    const std::string text = report_json(report, settings, description).dump(1) + "\n";
    io::write_file_atomically(settings.report, std::as_bytes(std::span(text)));
  }
  std::cout << "predicted " << U.cols() << " samples on " << to_string(context.device()) << ": "
            << report.count(SolveStatus::converged) << " converged, " << report.mean_iterations()
            << " iterations per sample, error bound " << report.worst_error_bound() << "\n";
  return status_of(shortfall_of(report, std::span<const T>(Y)), settings.allow_unconverged);
}

}  // namespace

void add_predict(CLI::App& app, int& status) {
  auto settings = std::make_shared<PredictSettings>();
  CLI::App* command = app.add_subcommand("predict", "Apply a model to the samples of a .npy file");
  add_model_flags(*command, settings->model);
  command->add_option("--input", settings->input, "U, .npy of shape (samples, inputs)")->required();
  command->add_option("--output", settings->output, "Y, .npy of shape (samples, outputs)")
      ->required();
  command->add_option("--state", settings->state, "X, .npy of shape (samples, states)");
  command->add_option("--report", settings->report,
                      "Certificate of each sample, JSON; a bound that is not finite is null");
  Tolerance& tolerance = settings->solver.forward;
  command->add_option("--tolerance", tolerance.absolute, "Absolute tolerance")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--relative-tolerance", tolerance.relative, "Relative tolerance")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--max-iterations", tolerance.max_iterations, "Iterations at most")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--certified", settings->certified,
                    "Stop when the error bound, not the step, is below the tolerance");
  add_sweep_flag(*command, settings->sweep);
  add_acceleration_flag(*command, settings->acceleration);
  add_arithmetic_flag(*command, settings->arithmetic);
  command->add_flag("--batch-invariant", settings->solver.batch_invariant,
                    "Same bits for a sample in whatever batch");
  add_allow_unconverged_flag(*command, settings->allow_unconverged);
  add_device_flag(*command, settings->device);
  add_threads_flag(*command, settings->threads);
  add_precision_flag(*command, settings->precision);
  command->callback([settings, &status] {
    settings->model.load.allow_unproven = true;
    settings->solver.sweep = parse_sweep(settings->sweep);
    settings->solver.acceleration = parse_acceleration(settings->acceleration);
    settings->solver.precision = parse_precision(settings->arithmetic);
    if (settings->certified) settings->solver.forward.rule = StopRule::certified_bound;
    status = with_precision(settings->precision, [&]<class T>() { return predict<T>(*settings); });
  });
}

}  // namespace idl::cli
