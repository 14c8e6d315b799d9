// SPDX-License-Identifier: MIT
#include <iostream>
#include <memory>
#include <string>

#include "host/cli/command.hpp"
#include "host/cli/run_folder.hpp"
#include "idl/error.hpp"
#include "idl/model.hpp"

namespace idl::cli {
namespace {

struct PlotSettings {
  std::string run;
  std::string model;
  std::string output = "spy.png";
};

/// Pictures show what is there: nothing is refused for where A lies or what is proved of it.
const LoadOptions k_as_it_is = {.allow_unproven = true};

int plot(const PlotSettings& settings, bool output_given) {
  IDL_CHECK(settings.run.empty() != settings.model.empty(),
            "one of --run, the folder of a training, and --model, a model file, is needed");
  IDL_CHECK(settings.run.empty() || !output_given, "--output is for --model; --run has its folder");
  Context context(Device::cpu());
  if (settings.run.empty()) {
    write_spy_png(context, load_model<double>(context, settings.model, k_as_it_is),
                  settings.output);
    std::cout << "wrote " << settings.output << "\n";
  } else {
    const RunFolder folder(settings.run);
    IDL_CHECK(folder.has_run(), settings.run + " holds no run");
    const auto model = load_model<double>(context, folder.path() / "last.safetensors", k_as_it_is);
    folder.write_pictures(context, model);
    std::cout << "wrote " << (folder.path() / "training_curves.png").string() << " and "
              << (folder.path() / "spy.png").string() << "\n";
  }
  flush_answer();
  return k_success;
}

}  // namespace

void add_plot(CLI::App& app, int& status) {
  auto settings = std::make_shared<PlotSettings>();
  CLI::App* command = app.add_subcommand("plot", "Make the pictures of a run or a model again");
  command->add_option("--run", settings->run,
                      "Folder of a training: writes training_curves.png and spy.png into it");
  command->add_option("--model", settings->model, "Model file (safetensors): writes --output");
  command->add_option("--output", settings->output, "With --model: the picture of M = [A B; C D]")
      ->capture_default_str();
  command->callback(
      [command, settings, &status] { status = plot(*settings, command->count("--output") > 0); });
}

}  // namespace idl::cli
