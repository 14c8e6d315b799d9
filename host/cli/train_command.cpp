// SPDX-License-Identifier: MIT
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "host/cli/arguments.hpp"
#include "host/cli/command.hpp"
#include "host/cli/interrupt.hpp"
#include "host/cli/output_files.hpp"
#include "host/cli/progress_bar.hpp"
#include "host/cli/run_folder.hpp"
#include "host/cli/train_settings.hpp"
#include "host/cli/training_data.hpp"
#include "idl/error.hpp"
#include "idl/model_description.hpp"

namespace idl::cli {
namespace {

/// The settings, and what concerns only this call.
struct TrainCall {
  std::string program;
  TrainSettings settings;
  std::string out;
  bool resume = false;
  bool overwrite = false;
  bool quiet = false;
};

/// Settings that may change between a run and its resumption, since results do not depend on them,
/// or, for epochs, only those that are still to come.
bool may_change(const std::string& name) {
  return one_of("device", "threads", "epochs", "checkpoint-interval", "data", "labels", "targets",
                "lengths", "test-data", "test-labels", "test-targets", "test-lengths")(name);
}

/// The settings of the run in `folder`, with those of the call that may change.
TrainSettings resumed_settings(const CLI::App& command, const TrainSettings& given,
                               const RunFolder& folder) {
  TrainSettings settings = folder.read_settings();
  IDL_CHECK(!settings.data.empty(), (folder.path() / "config.json").string() + ": data is missing");
  const nlohmann::ordered_json before = to_json(settings);
  nlohmann::ordered_json merged = before;
  const nlohmann::ordered_json now = to_json(given);
  for (const auto& [name, value] : now.items()) {
    if (command.count("--" + name) == 0) continue;
    IDL_CHECK(may_change(name) || before[name] == value,
              "--" + name + " is " + value.dump() + ", but the run in " + folder.path().string() +
                  " has " + before[name].dump());
    merged[name] = value;
  }
  return settings_from_json(merged, folder.path().string());
}

/// The first warning of an epoch is shown, the others are counted by the epoch's line.
class WarningDigest {
 public:
  explicit WarningDigest(bool quiet) : quiet_(quiet) {}

  void warn(ProgressBar* bar, std::string_view text) {
    if (quiet_ || shown_) return;
    if (bar != nullptr) bar->clear();
    std::cerr << "idl: warning: " << text;
    if (in_epoch_) std::cerr << " (further warnings of this epoch are only counted)";
    std::cerr << std::endl;
    shown_ = in_epoch_;
  }
  void next_epoch() {
    in_epoch_ = true;
    shown_ = false;
  }

 private:
  bool quiet_;
  bool in_epoch_ = false;
  bool shown_ = false;
};

/// What the flags do not say, the file --init says. A run's configuration says everything.
LoadOptions init_options(const CLI::App& command, const TrainCall& call) {
  return load_options(call.settings, [&](const std::string& name) {
    return call.resume || command.count("--" + name) > 0;
  });
}

/// What the model with which the training begins says of its data; the run's own checkpoint once
/// that has begun.
DataFormat known_format(const CLI::App& command, const TrainCall& call, const RunFolder& folder,
                        bool goes_on) {
  const TrainSettings& settings = call.settings;
  if (settings.init.empty()) return {};
  if (!goes_on) return describe_model(settings.init, init_options(command, call)).data;
  DataFormat known =
      describe_model(folder.path() / "checkpoint.safetensors", {.allow_unproven = true}).data;
  // These are found anew, so that other data are noticed.
  if (settings.standardise || !settings.normalise.empty())
    known.feature_scaling = known.target_scaling = {};
  return known;
}

/// What the training's files and first line tell of a model.
const ModelShape& data_shape(const ModelShape& shape) { return shape; }

/// The model with which the training begins fits the data and the flags.
/// @param p  inputs that the data have, of sequences in a step
void check_init(const CLI::App& command, TrainSettings& settings, const ModelShape& shape,
                const ModelOptions& options, const TrainingData& data, index_t p) {
  IDL_CHECK(command.count("--hidden") == 0 || shape.states == settings.hidden,
            settings.init + " has " + std::to_string(shape.states) + " states, --hidden is " +
                std::to_string(settings.hidden));
  const std::optional<index_t> rank = options.rank;
  IDL_CHECK(command.count("--rank") == 0 || rank == settings.rank,
            "A of " + settings.init + " is " +
                (rank ? "L R^T of rank " + std::to_string(*rank) : "not L R^T") + ", --rank is " +
                std::to_string(settings.rank.value_or(0)));
  const index_t q = data.train.outputs();
  IDL_CHECK(shape.inputs == p && shape.outputs == q,
            settings.init + " has " + std::to_string(shape.inputs) + " inputs and " +
                std::to_string(shape.outputs) + " outputs, the data have " + std::to_string(p) +
                (data.inputs > 0 ? " numbers in a step and " : " features and ") +
                std::to_string(q) + (data.train.has_targets() ? " targets" : " classes"));
  settings.hidden = shape.states;
  take_options(settings, options);
}

template <class T>
ImplicitModel<T> make_model(Context& context, const CLI::App& command, TrainCall& call,
                            const TrainingData& data) {
  TrainSettings& settings = call.settings;
  const index_t p = data.train.features();
  if (settings.init.empty())
    return ImplicitModel<T>(context, {settings.hidden, p, data.train.outputs()},
                            model_options(settings), settings.seed);
  LoadOptions load = init_options(command, call);
  load.cell_alone = true;  // refused below, by the flag that it needs
  auto [model, description] = load_described_model<T>(context, settings.init, load);
  IDL_CHECK(!description.recurrent, settings.init +
                                        " is a recurrent model, which goes on training with "
                                        "--recurrent " +
                                        std::to_string(description.recurrent->hidden));
  check_init(command, settings, model.shape(), model.options(), data, p);
  return std::move(model);
}

template <class T>
ImplicitRnn<T> make_rnn(Context& context, const CLI::App& command, TrainCall& call,
                        const TrainingData& data) {
  TrainSettings& settings = call.settings;
  if (settings.init.empty())
    return ImplicitRnn<T>(context,
                          {.inputs = data.inputs,
                           .states = settings.hidden,
                           .hidden = *settings.recurrent,
                           .outputs = data.train.outputs()},
                          model_options(settings), settings.seed);
  ImplicitRnn<T> model = load_rnn<T>(context, settings.init, init_options(command, call));
  const RecurrentShape& shape = model.shape();
  IDL_CHECK(shape.hidden == *settings.recurrent,
            settings.init + " remembers " + std::to_string(shape.hidden) +
                " numbers, --recurrent is " + std::to_string(*settings.recurrent));
  check_init(command, settings, {shape.states, shape.inputs, shape.outputs}, model.cell().options(),
             data, data.inputs);
  return model;
}

void print_start(const TrainCall& call, const Context& context, const TrainingData& data,
                 const ModelShape& shape, bool goes_on) {
  if (call.quiet) return;
  std::cout << (goes_on ? "resuming" : "training") << " n = " << shape.states
            << ", p = " << shape.inputs << ", q = " << shape.outputs;
  if (data.inputs > 0)
    std::cout << ", h of " << *call.settings.recurrent << ", "
              << data.train.features() / data.inputs << " steps";
  std::cout << " on " << data.name << " (" << data.train.size();
  if (data.test) std::cout << " + " << data.test->size();
  std::cout << " samples), " << call.settings.precision << "\n";
  if (!data.format.classes.empty()) std::cout << "classes: " << listed(data.format.classes) << "\n";
  if (!data.format.targets.empty()) std::cout << "targets: " << listed(data.format.targets) << "\n";
  for (const std::string& remark : data.remarks) std::cout << "note: " << remark << "\n";
  std::cout << "device: " << context.describe() << "\n"
            << "run folder: " << call.out << std::endl;
}

/// Trains; an error that ends it is not shown behind a progress bar.
template <class T>
TrainingEnd fit(Trainer<T>& trainer, ProgressBar& bar) {
  try {
    const TrainingEnd end = trainer.fit();
    bar.clear();
    return end;
  } catch (...) {
    bar.clear();
    throw;
  }
}

/// A trained model whose loss is not finite is no success.
int status_of_last(const std::optional<Evaluation>& test) {
  if (!test || test->not_finite == 0) return k_success;
  std::cerr << "idl: after the last epoch the loss of " << test->not_finite << " of "
            << test->samples << " test samples is not finite, the first is sample "
            << test->first_not_finite << std::endl;
  return k_failure;
}

void check_free(const TrainCall& call, const RunFolder& folder) {
  if (call.resume || call.overwrite) return;
  IDL_CHECK(!folder.has_run(),
            call.out + " holds a run already; --resume goes on with it, --overwrite removes it");
  const std::string file = folder.file_of_a_run();
  IDL_CHECK(file.empty(), call.out + " holds " + file + " already; --overwrite removes it");
}

/// What --overwrite removes is not read before.
void check_overwritten(const TrainSettings& settings, const RunFolder& folder) {
  const TableFlags& table = settings.table;
  std::vector<FlagFile> removed;
  for (const std::filesystem::path& file : folder.files())
    removed.push_back({"what --overwrite removes", file.string()});
  check_outputs({{"--data", settings.data},
                 {"--labels", table.labels},
                 {"--targets", table.targets},
                 {"--lengths", table.lengths},
                 {"--test-data", settings.test_data},
                 {"--test-labels", settings.test_labels},
                 {"--test-targets", settings.test_targets},
                 {"--test-lengths", settings.test_lengths},
                 {"--init", settings.init}},
                removed);
}

/// Flags that this training would not heed.
void check_effects(const CLI::App& command, const TrainSettings& settings) {
  check_has_effect(command, {"--prefix", "--override-metadata", "--project"},
                   !settings.init.empty(), "--init, the model file that it is about");
  check_has_effect(command, {"--kappa"},
                   settings.well_posedness == WellPosednessKind::inf_norm_ball,
                   "--well-posedness inf_norm_ball");
  check_has_effect(command, {"--momentum"}, settings.trainer.optimizer.kind == OptimizerKind::sgd,
                   "--optimizer sgd");
  check_has_effect(command, {"--schedule-period", "--schedule-gamma"},
                   settings.trainer.schedule.kind == ScheduleKind::step, "--schedule step");
  check_has_effect(command, {"--gradual", "--sparsify-interval", "--sparsify-target"},
                   command.count("--sparsify") > 0, "--sparsify");
  check_has_effect(command, {"--test-labels", "--test-targets", "--test-lengths"},
                   !settings.test_data.empty(), "--test-data");
}

/// All that a training needs beside its model.
struct Session {
  TrainCall& call;
  RunFolder& folder;
  const TrainingData& data;
  Context& context;
  ProgressBar& bar;
  WarningDigest& digest;
  bool goes_on;
};

template <class T, class Model>
int train_model(const Session& session, Model model) {
  auto& [call, folder, data, context, bar, digest, goes_on] = session;
  TrainSettings& settings = call.settings;
  TrainerOptions options = trainer_options(settings);
  options.folder = folder.path();
  options.data_format = data.format;
  options.on_step = [&](const StepMetrics& metrics) { session.bar.step(metrics); };
  std::optional<Evaluation> last_test;
  options.on_epoch = [&](const EpochMetrics& metrics) {
    session.bar.epoch(metrics);
    session.digest.next_epoch();
    last_test = metrics.test;
  };
  options.stop_requested = [] { return interrupt_received() != 0; };
  Trainer<T> trainer(context, model, data.train, data.test ? &*data.test : nullptr,
                     std::move(options));
  if (goes_on) trainer.resume();

  // Everything that can be wrong with the input is known by now: from here on there is a run.
  remember_interrupts();
  folder.claim();
  check_free(call, folder);  // once more: another one may have been faster
  if (call.overwrite && !call.resume) folder.remove_run();
  folder.write_config(settings, context.describe(), data, data_shape(model.shape()));
  print_start(call, context, data, data_shape(model.shape()), goes_on);
  digest.next_epoch();
  const TrainingEnd end = fit(trainer, bar);
  folder.write_results(context, model);
  const bool finished = end == TrainingEnd::finished;
  if (!call.quiet && finished)
    std::cout << "finished; the run is in " << call.out << std::endl;
  else if (!call.quiet)
    std::cout << "stopped; go on with: " << call.program << " train --resume "
              << flag_words("--out", call.out) << std::endl;
  return finished ? status_of_last(last_test) : k_signalled + interrupt_received();
}

template <class T>
int train(const CLI::App& command, TrainCall& call, RunFolder& folder) {
  TrainSettings& settings = call.settings;
  const bool goes_on = call.resume && folder.goes_on();
  const TrainingData data =
      read_training_data(settings, known_format(command, call, folder, goes_on));
  if (data.train.has_targets() && !call.resume && command.count("--loss") == 0)
    settings.trainer.loss = LossKind::squared_error;

  WarningDigest digest(call.quiet);
  ProgressBar bar(settings.trainer.epochs, call.quiet);
  Context context({.device = parse_device(settings.device),
                   .log =
                       [&](Severity severity, std::string_view text) {
                         if (severity != Severity::info) digest.warn(&bar, text);
                       },
                   .threads = settings.threads});
  const Session session = {call, folder, data, context, bar, digest, goes_on};
  // The parameters that --init named are in the checkpoint by now.
  const std::string init = settings.init;
  if (goes_on) settings.init.clear();
  const auto run = [&](auto model) {
    settings.init = init;
    return train_model<T>(session, std::move(model));
  };
  return settings.recurrent ? run(make_rnn<T>(context, command, call, data))
                            : run(make_model<T>(context, command, call, data));
}

int run_train(const CLI::App& command, TrainCall& call) {
  IDL_CHECK(!call.resume || !call.out.empty(), "--resume needs --out, the folder of the run");
  IDL_CHECK(call.resume || !call.settings.data.empty(), "--data is required");
  IDL_CHECK(!call.resume || !call.overwrite,
            "--resume goes on with the run in --out, --overwrite removes it; both are given");
  RunFolder folder(call.out);
  call.out = folder.path().string();
  if (call.resume) {
    IDL_CHECK(folder.has_run(), call.out + " holds no run to resume");
    folder.claim();  // before anything is read that another training may be writing
    call.settings = resumed_settings(command, call.settings, folder);
  } else {
    check_effects(command, call.settings);
    if (!call.settings.init.empty() && command.count("--precision") == 0)
      call.settings.precision = precision_of_file(call.settings.init);
    if (call.overwrite) check_overwritten(call.settings, folder);
    check_free(call, folder);
  }
  return with_precision(call.settings.precision,
                        [&]<class T>() { return train<T>(command, call, folder); });
}

}  // namespace

void add_train(CLI::App& app, const std::string& program, int& status) {
  auto call = std::make_shared<TrainCall>();
  call->program = program;
  CLI::App* command = app.add_subcommand("train", "Train a model on a table, MNIST or CIFAR-10");
  for_each_setting(call->settings, [&](std::string_view name, auto& value, std::string_view help,
                                       const NumberRange& range = {}) {
    add_setting(*command, name, value, help, range);
  });
  command->add_option("--out", call->out, "Run folder (default: a new runs/DATE-TIME)");
  command->add_flag("--resume", call->resume, "Go on with the run in --out");
  command->add_flag("--overwrite", call->overwrite, "Replace the run in --out");
  command->add_flag("--quiet", call->quiet, "Show nothing but errors");
  command->callback([command, call, &status] { status = run_train(*command, *call); });
}

}  // namespace idl::cli
