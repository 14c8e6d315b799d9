// SPDX-License-Identifier: MIT
#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "host/cli/arguments.hpp"
#include "host/cli/command.hpp"
#include "host/cli/density_curve.hpp"
#include "host/cli/model_flags.hpp"
#include "host/cli/output_files.hpp"
#include "host/cli/training_data.hpp"
#include "host/io/atomic_file.hpp"
#include "host/io/json_bytes.hpp"
#include "idl/io.hpp"
#include "idl/model_description.hpp"
#include "idl/sparsify.hpp"
#include "idl/trainer.hpp"

namespace idl::cli {
namespace {

struct SparsifySettings {
  ModelFlags model;
  std::string output;
  SparsifyOptions how;
  std::optional<index_t> rank;
  std::string data;
  TableFlags table;
  std::int64_t calibration = 1000;
  bool remove_dead = false;
  std::string report;
  std::string curve;
  DensityCurveSettings measured;
  std::string device = "auto";
  std::int32_t threads = 0;
  std::string precision = "f32";
};

/// "A 1000 of 10000 (10.0 %)", for each matrix of the model.
template <class T>
void print_entries(const ImplicitModel<T>& model) {
  const ModelShape& shape = model.shape();
  const auto print = [&](const char* matrix, index_t rows, index_t cols) {
    const index_t all = rows * cols;
    const index_t stored = model.is_sparse(matrix) ? model.csr(matrix).nnz : all;
    std::cout << matrix << "  " << std::setw(9) << stored << " of " << std::setw(9) << all
              << " entries, " << std::fixed << std::setprecision(2)
              << 100.0 * static_cast<double>(stored) / static_cast<double>(all) << " %\n";
  };
  print("A", shape.states, shape.states);
  print("B", shape.states, model.input_rows());
  print("C", shape.outputs, shape.states);
  if (!model.options().no_D) print("D", shape.outputs, model.input_rows());
}

/// The model with LRᵀ in the place of A; tells by how much these differ.
template <class T>
ImplicitModel<T> of_low_rank(Context& context, const ImplicitModel<T>& model, index_t rank) {
  LowRankApproximation<T> found = low_rank_approximation(context, model, rank);
  std::cout << "A is L R^T of rank " << rank << ", " << 2 * rank * model.shape().states
            << " numbers\n|A - L R^T|_inf <= " << std::setprecision(4) << found.error
            << ", by the rank alone " << found.truncation << "\n";
  return std::move(found.model);
}

template <class T>
void print_accuracies(Context& context, const ImplicitModel<T>& before,
                      const ImplicitModel<T>& after, const DatasetPair& data) {
  constexpr index_t k_batch = 500;
  const bool targets = data.test.has_targets();
  const auto told = [&](const ImplicitModel<T>& model) {
    const LossKind loss = targets ? LossKind::squared_error : LossKind::softmax_cross_entropy;
    const Evaluation evaluation = evaluate(context, model, data.test, loss, k_batch);
    std::ostringstream text;
    text << std::fixed << std::setprecision(targets ? 4 : 2)
         << (targets ? evaluation.regression->r2 : 100.0 * evaluation.accuracy)
         << (targets ? "" : " %");
    return text.str();
  };
  std::cout << (targets ? "test R2 " : "test accuracy ") << told(before) << " before, "
            << told(after) << " after, on " << data.test.size() << " samples\n";
}

/// By how much the answers to the first samples may change.
template <class T>
PruningBound bound_of(Context& context, const ImplicitModel<T>& before,
                      const ImplicitModel<T>& after, const Dataset& all, index_t most) {
  const Matrix<T> U = samples_of<T>(context, all, 0, std::min(most, all.size()));
  PruningBound bound = pruning_bound<T>(context, before, after, U.view());
  std::cout << "over " << U.cols() << " samples no state moves by more than " << std::defaultfloat
            << std::setprecision(4) << bound.worst_state << ", no output by more than "
            << bound.worst_output << "\n";
  return bound;
}

/// What is said of each sample, and which states and inputs are left.
template <class T>
std::string report_text(const SparsifySettings& settings, const std::optional<PruningBound>& bound,
                        const std::optional<ReducedModel<T>>& reduced) {
  nlohmann::ordered_json json = {{"model", io::json_of_bytes(settings.model.path)},
                                 {"output", io::json_of_bytes(settings.output)}};
  if (bound)
    json["bound"] = {{"worst_state", bound->worst_state},
                     {"worst_output", bound->worst_output},
                     {"state", bound->state},
                     {"output", bound->output}};
  if (reduced) {
    json["kept_states"] = reduced->kept_states;
    json["kept_inputs"] = reduced->kept_inputs;
  }
  return json.dump(2) + "\n";
}

constexpr const char* k_curve_json = "density.json";
constexpr const char* k_curve_png = "density.png";

void check_files(const SparsifySettings& settings) {
  const auto of_curve = [&](const char* name) {
    return settings.curve.empty() ? "" : (std::filesystem::path(settings.curve) / name).string();
  };
  check_outputs({{"--model", settings.model.path},
                 {"--data", settings.data},
                 {"--labels", settings.table.labels},
                 {"--targets", settings.table.targets}},
                {{"--output", settings.output},
                 {"--report", settings.report},
                 {"--curve", of_curve(k_curve_json)},
                 {"--curve", of_curve(k_curve_png)}});
}

/// The table, line by line as it is measured, and its two files, which after each line hold all so
/// far: it may take long, and may be stopped.
template <class T>
void measure_curve(Context& context, const ImplicitModel<T>& model, const DatasetPair& data,
                   const SparsifySettings& settings) {
  const std::filesystem::path folder = settings.curve;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError(settings.curve, "cannot be made: " + error.message());
  DensityCurveSettings measured = settings.measured;
  measured.target = settings.how.target;
  measured.seed = settings.how.seed;
  std::cout << "density    entries  one-shot  fine-tuned  gradual  random  iterations\n";
  const auto percent = [](double share, int width) {
    std::cout << std::setw(width) << std::fixed << std::setprecision(2) << 100.0 * share;
  };
  DensityCurve curve = {settings.model.path, data.name, model.shape().states, {}};
  const auto on_point = [&](const std::vector<DensityPoint>& points) {
    const DensityPoint& point = points.back();
    std::cout << std::setw(7) << std::setprecision(2) << std::fixed << point.density
              << std::setw(11) << point.stored;
    percent(point.one_shot, 10);
    percent(point.fine_tuned, 12);
    percent(point.gradual, 9);
    percent(point.random, 8);
    std::cout << std::setw(12) << std::setprecision(1) << point.iterations << std::endl;
    curve.points = points;
    write_density_json(folder / k_curve_json, measured, curve);
    pictures::write_density_png(folder / k_curve_png, curve);
  };
  measure_density_curve<T>(context, model, data, measured, on_point);
}

template <class T>
int sparsify_model(const SparsifySettings& settings) {
  // The many trainings of a curve may warn many times: the first is shown.
  std::int64_t warnings = 0;
  const auto log = [&](Severity, std::string_view text) {
    if (++warnings == 1) std::cerr << "idl: warning: " << text << std::endl;
  };
  Context context(
      {.device = parse_device(settings.device), .log = log, .threads = settings.threads});
  const auto [model, description] =
      load_described_model<T>(context, settings.model.path, settings.model.load);
  DataFormat format = description.data;
  std::optional<DatasetPair> data;
  if (!settings.data.empty())
    data = read_calibration_data(settings.data, settings.table, format, model.shape().inputs,
                                 model.shape().outputs);
  if (!settings.curve.empty()) {
    measure_curve(context, model, *data, settings);
    flush_answer();
    if (warnings > 1) std::cerr << "idl: " << warnings - 1 << " more warnings" << std::endl;
  }
  if (settings.output.empty()) return k_success;
  const ImplicitModel<T> sparse = settings.rank ? of_low_rank(context, model, *settings.rank)
                                                : sparsify(context, model, settings.how);
  if (!settings.rank) print_entries(sparse);
  if (data) print_accuracies(context, model, sparse, *data);
  std::optional<PruningBound> bound;
  if (data && !settings.rank)
    bound = bound_of(context, model, sparse, data->train, settings.calibration);
  std::optional<ReducedModel<T>> reduced;
  if (settings.remove_dead) {
    reduced = remove_dead(context, sparse);
    std::cout << reduced->kept_states.size() << " of " << sparse.shape().states << " states and "
              << reduced->kept_inputs.size() << " of " << sparse.shape().inputs
              << " inputs are left\n";
    format = with_inputs(format, reduced->kept_inputs);
  }
  std::optional<io::AtomicFile> report;
  if (!settings.report.empty()) {
    const std::string text = report_text(settings, bound, reduced);
    report.emplace(settings.report).write(std::as_bytes(std::span(text)));
  }
  save_model(context, reduced ? reduced->model : sparse, settings.output, 0, format);
  if (report) report->commit();
  flush_answer();
  return k_success;
}

}  // namespace

void add_sparsify(CLI::App& app, int& status) {
  auto settings = std::make_shared<SparsifySettings>();
  CLI::App* command = app.add_subcommand("sparsify", "Keep the entries of a model that count most");
  add_model_flags(*command, settings->model);
  command->add_option("--output", settings->output, "Model file to write (safetensors)");
  for_each_flag_of(settings->how, [&](std::string_view name, auto& value, std::string_view help,
                                      const NumberRange& range) {
    add_setting(*command, name, value, help, range);
  });
  add_number(*command, "--rank", settings->rank, ranges::k_rank,
             "Prune nothing: in the place of A comes L R^T of this rank, which is nearest to it");
  command->add_option("--data", settings->data,
                      "A table, .npy or CSV, or a folder with (Fashion-)MNIST (IDX) or CIFAR-10 "
                      "(binary): tells the accuracy before and after, and bounds by how much "
                      "answers change");
  add_answer_flags(*command, settings->table);
  add_number(*command, "--calibration", settings->calibration, ranges::k_positive_count,
             "With --data: samples, of a folder from the training set, over which the change is "
             "bounded");
  command->add_flag("--remove-dead", settings->remove_dead,
                    "Leave out states and inputs on which no output depends");
  command->add_option("--report", settings->report,
                      "JSON file to write: the bound of each sample, the states and inputs that "
                      "are left");
  DensityCurveSettings& measured = settings->measured;
  command->add_option(
      "--curve", settings->curve,
      "Measure what the model loses at densities 1 to .01 with --data, a folder with "
      "a training and a test set, and write density.json and density.png into "
      "this one");
  add_number(*command, "--gradual", measured.gradual_epochs, ranges::k_positive_count,
             "With --curve: epochs of training from random parameters, over which entries are "
             "pruned");
  add_number(*command, "--fine-tune", measured.fine_tune_epochs, ranges::k_not_negative,
             "With --curve: epochs of training with the entries that are left");
  add_number(*command, "--batch", measured.batch_size, ranges::k_positive_count,
             "With --curve: samples per optimiser step");
  add_number(*command, "--lr", measured.learning_rate, ranges::k_not_negative,
             "With --curve: learning rate at first");
  add_device_flag(*command, settings->device);
  add_threads_flag(*command, settings->threads);
  command->add_option("--precision", settings->precision,
                      "f32 or f64 (default: that of the model file)");
  command->callback([settings, command, &status] {
    const SparsifyRule rule = settings->how.by;
    IDL_CHECK(rule != SparsifyRule::threshold || command->count("--threshold") > 0,
              "--by threshold needs --threshold");
    check_has_effect(*command, {"--threshold"}, rule == SparsifyRule::threshold, "--by threshold");
    check_has_effect(*command, {"--density"}, rule != SparsifyRule::threshold,
                     "another --by than threshold");
    check_has_effect(*command, {"--seed"}, rule == SparsifyRule::random || !settings->curve.empty(),
                     "--by random or --curve");
    check_has_effect(*command, {"--gradual", "--fine-tune", "--batch", "--lr"},
                     !settings->curve.empty(), "--curve");
    check_has_effect(*command,
                     {"--calibration", "--labels", "--targets", "--label-column",
                      "--target-columns", "--ignore-columns", "--header"},
                     !settings->data.empty(), "--data");
    check_has_effect(*command, {"--report", "--remove-dead"}, !settings->output.empty(),
                     "--output");
    check_files(*settings);
    if (settings->rank)
      for (const char* flag : {"--target", "--by", "--density", "--threshold", "--seed",
                               "--remove-dead", "--report", "--calibration"})
        IDL_CHECK(command->count(flag) == 0, std::string(flag) + " is of pruning, --rank is " +
                                                 std::to_string(*settings->rank) +
                                                 ", with which nothing is pruned");
    IDL_CHECK(!settings->output.empty() || !settings->curve.empty(),
              "nothing to do: --output names the model to write, --curve a folder for what is "
              "measured");
    IDL_CHECK(settings->curve.empty() || !settings->data.empty(), "--curve needs --data");
    IDL_CHECK(settings->curve.empty() || !std::filesystem::is_regular_file(settings->data),
              "--curve trains and tests: " + settings->data +
                  " is one table, a folder with a training set and a test set is needed");
    settings->model.load.allow_unproven = true;
    if (command->count("--precision") == 0)
      settings->precision = precision_of_file(settings->model.path);
    status = with_precision(settings->precision,
                            [&]<class T>() { return sparsify_model<T>(*settings); });
  });
}

}  // namespace idl::cli
