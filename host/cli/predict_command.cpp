// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "host/cli/command.hpp"
#include "host/cli/file_extension.hpp"
#include "host/cli/model_flags.hpp"
#include "host/cli/output_files.hpp"
#include "host/cli/prediction_csv.hpp"
#include "host/cli/sequence_prediction.hpp"
#include "host/cli/training_data.hpp"
#include "host/io/atomic_file.hpp"
#include "host/io/json_bytes.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"
#include "idl/model.hpp"
#include "idl/recurrent.hpp"

namespace idl::cli {
namespace {

struct PredictSettings {
  ModelFlags model;
  std::string input;
  TableFlags table;
  std::string output;
  std::string state;
  std::string report;
  std::string device = "auto";
  std::int32_t threads = 0;
  std::string precision = "f32";
  SolverOptions solver;
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
  return {{"model", io::json_of_bytes(settings.model.path)},
          {"assumed", assumed_json(model)},
          {"input", io::json_of_bytes(settings.input)},
          {"precision", settings.precision},
          {"contraction", finite_or_null(report.contraction)},
          {"all_converged", report.all_converged()},
          {"worst_error_bound", finite_or_null(report.worst_error_bound())},
          {"samples", std::move(samples)}};
}

bool is_csv(const std::string& path) { return has_extension(path, ".csv"); }

void check_files(const PredictSettings& settings) {
  for (const auto& [flag, path] :
       {FlagFile{"--output", settings.output}, {"--state", settings.state}})
    IDL_CHECK(
        std::filesystem::path(path).extension().empty() || has_extension(path, ".npy") ||
            (flag == "--output" && is_csv(path)),
        std::string(flag).append(" is ").append(path).append(
            flag == "--output" ? ", it may be a .npy or a .csv file" : ", it may be a .npy file"));
  check_outputs(
      {{"--model", settings.model.path},
       {"--input", settings.input},
       {"--lengths", settings.table.lengths}},
      {{"--output", settings.output}, {"--state", settings.state}, {"--report", settings.report}});
}

/// What a prediction leaves: all of it or nothing. Whether the files can be written at all is known
/// before anything is computed.
class Outputs {
 public:
  explicit Outputs(const PredictSettings& settings) {
    check_files(settings);
    files_.push_back(&output_.emplace(settings.output));
    open(state_, settings.state);
    open(report_, settings.report);
  }

  /// @param Y  what prediction.Y holds, on the host and in the targets' own unit, which may need
  ///           more digits than the outputs have
  /// @param csv  the text of the output, where that is a CSV file
  template <class T, class Number>
  void write(Context& context, const Prediction<T>& prediction, const std::vector<Number>& Y,
             const std::string& csv, const nlohmann::ordered_json& report) {
    if (csv.empty())
      write_columns(*output_, Y, prediction.Y);
    else
      output_->write(std::as_bytes(std::span(csv)));
    if (state_) write_columns(*state_, download(context, prediction.X), prediction.X);
    if (report_) {
      const std::string text = report.dump(1) + "\n";
      report_->write(std::as_bytes(std::span(text)));
    }
    io::AtomicFile::commit_together(files_);
  }

 private:
  void open(std::optional<io::AtomicFile>& file, const std::string& path) {
    if (!path.empty()) files_.push_back(&file.emplace(path));
  }

  template <class T, class Number>
  static void write_columns(io::AtomicFile& file, const std::vector<Number>& values,
                            const Matrix<T>& matrix) {
    constexpr bool k_is_float = std::is_same_v<Number, float>;
    const std::array<std::int64_t, 2> shape = {matrix.cols(), matrix.rows()};
    const std::string header =
        io::npy_header(k_is_float ? io::DataType::f32 : io::DataType::f64, shape);
    file.write(std::as_bytes(std::span(header)));
    file.write(std::as_bytes(std::span(values)));
  }

  std::optional<io::AtomicFile> output_;
  std::optional<io::AtomicFile> state_;
  std::optional<io::AtomicFile> report_;
  std::vector<io::AtomicFile*> files_;
};

/// Reads the samples; what is returned applies the model to them.
template <class T>
std::function<Prediction<T>()> prepare(Context& context, const PredictSettings& settings,
                                       const ImplicitModel<T>& model, const DataFormat& data) {
  const index_t inputs = model.shape().inputs;
  const Inputs<T> read = read_inputs<T>(settings.input, settings.table, data, inputs);
  const auto U =
      std::make_shared<Matrix<T>>(Matrix<T>::from_host(context, inputs, read.samples, read.values));
  return [&, U] { return model.predict(context, *U, settings.solver); };
}
template <class T>
std::function<Prediction<T>()> prepare(Context& context, const PredictSettings& settings,
                                       const ImplicitRnn<T>& model, const DataFormat& data) {
  const index_t inputs = model.shape().inputs;
  TableFlags table = settings.table;
  table.sequences = true;
  const Inputs<T> read = read_inputs<T>(settings.input, table, data, inputs);
  IDL_CHECK(!read.values.empty(), settings.input + " holds no samples");
  const index_t steps = static_cast<index_t>(read.values.size()) / (read.samples * inputs);
  return [&, read, steps] {
    return predict_sequences<T>(context, model, {read.values, read.lengths, steps},
                                settings.solver);
  };
}

template <class T, class Model>
int predict_by(Context& context, const PredictSettings& settings, const Model& model,
               const ModelDescription& description) {
  const DataFormat& data = description.data;
  const auto apply = prepare<T>(context, settings, model, data);
  Outputs outputs(settings);
  const Prediction<T> prediction = apply();
  const std::vector<T> Y = download(context, prediction.Y);
  const SolveReport& report = prediction.report;
  const auto write = [&]<class Number>(const std::vector<Number>& answers) {
    const std::string csv = is_csv(settings.output)
                                ? prediction_csv<Number>(data, answers, prediction.Y.rows())
                                : std::string();
    outputs.write(context, prediction, answers, csv, report_json(report, settings, description));
  };
  if (data.target_scaling.empty()) {
    write(Y);
  } else {
    std::vector<double> unscaled(Y.begin(), Y.end());
    data.target_scaling.undo<double>(unscaled);
    write(unscaled);
  }
  std::cout << "predicted " << prediction.Y.cols() << " samples on " << to_string(context.device())
            << ": " << report.count(SolveStatus::converged) << " converged, "
            << report.mean_iterations() << " iterations per sample, error bound "
            << report.worst_error_bound() << "\n";
  return status_of(shortfall_of(report, std::span<const T>(Y)), settings.allow_unconverged);
}

template <class T>
int predict(const PredictSettings& settings) {
  Context context({.device = parse_device(settings.device), .threads = settings.threads});
  const auto& [path, load] = settings.model;
  const auto loaded = load_any_model<T>(context, path, load);
  return std::visit(
      [&](const auto& model) { return predict_by<T>(context, settings, model, loaded.second); },
      loaded.first);
}

}  // namespace

void add_predict(CLI::App& app, int& status) {
  auto settings = std::make_shared<PredictSettings>();
  CLI::App* command = app.add_subcommand("predict", "Apply a model to the samples of a table");
  add_model_flags(*command, settings->model);
  command
      ->add_option(
          "--input,--data", settings->input,
          "U: .npy of shape (samples, inputs), or a CSV file; of a recurrent model .npy of "
          "shape (samples, steps, inputs)")
      ->required();
  add_column_flags(*command, settings->table);
  add_lengths_flag(*command, settings->table);
  command
      ->add_option("--output", settings->output,
                   "Y: .npy of shape (samples, outputs), or a .csv file of classes or targets")
      ->required();
  command->add_option("--state", settings->state,
                      "X, .npy of shape (samples, states); of a recurrent model its last h");
  command->add_option("--report", settings->report,
                      "Certificate of each sample, JSON; a bound that is not finite is null. "
                      "Y, X and the report are all written or none");
  add_solver_flags(*command, settings->solver);
  add_allow_unconverged_flag(*command, settings->allow_unconverged);
  add_device_flag(*command, settings->device);
  add_threads_flag(*command, settings->threads);
  add_precision_flag(*command, settings->precision);
  command->callback([settings, &status] {
    settings->model.load.allow_unproven = true;
    status = with_precision(settings->precision, [&]<class T>() { return predict<T>(*settings); });
  });
}

}  // namespace idl::cli
