// SPDX-License-Identifier: MIT
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "host/cli/command.hpp"
#include "host/cli/density_curve.hpp"
#include "host/cli/model_flags.hpp"
#include "host/cli/output_files.hpp"
#include "host/cli/run_folder.hpp"
#include "idl/error.hpp"
#include "idl/model.hpp"
#include "idl/pictures.hpp"

namespace idl::cli {
namespace {

struct PlotSettings {
  std::string run;
  ModelFlags model;
  std::string output = "spy.png";
  std::string row_sums;
};

/// Pictures show what is there: nothing is refused for where A lies or what is proved of it. Of a
/// recurrent model they show the cell.
LoadOptions as_it_is(LoadOptions load = {}) {
  load.allow_unproven = true;
  load.cell_alone = true;
  return load;
}

void told(const std::filesystem::path& file) { std::cout << "wrote " << file.string() << "\n"; }

/// Of a training, or of what sparsify --curve has measured, or of both.
void plot_folder(Context& context, const std::filesystem::path& path) {
  const RunFolder folder(path);
  std::error_code error;
  const bool has_curve = std::filesystem::exists(path / "density.json", error);
  IDL_CHECK(folder.has_run() || has_curve,
            path.string() + " holds no run, and no density.json of sparsify --curve");
  if (folder.has_run()) {
    const auto model = load_model<double>(context, path / "last.safetensors", as_it_is());
    pictures::write_run_pictures(context, model, path);
    for (const char* name : {"training_curves.png", "spy.png", "row_sums.png"}) told(path / name);
  }
  if (has_curve) {
    pictures::write_density_png(path / "density.png", read_density_json(path / "density.json"));
    told(path / "density.png");
  }
}

/// The first flag that is for --model alone; none where none is given.
std::optional<std::string> given_for_model(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options())
    if (option->count() > 0 && !option->check_name("--run")) return option->get_name(false, true);
  return std::nullopt;
}

int plot(const CLI::App& command, const PlotSettings& settings) {
  const std::string& model = settings.model.path;
  IDL_CHECK(settings.run.empty() || model.empty(),
            "--run is for the folder of a training, --model for a model file; both are given");
  IDL_CHECK(!settings.run.empty() || !model.empty(),
            "one of --run, the folder of a training, and --model, a model file, is needed");
  if (const auto flag = given_for_model(command); flag && !settings.run.empty())
    throw InvalidArgument(*flag + " is for --model; --run has its folder");
  check_outputs({{"--model", model}}, {{"--output", model.empty() ? "" : settings.output},
                                       {"--row-sums", settings.row_sums}});
  Context context(Device::cpu());
  if (settings.run.empty()) {
    pictures::write_model_pictures(
        context, load_model<double>(context, model, as_it_is(settings.model.load)), settings.output,
        settings.row_sums);
    if (!settings.output.empty()) told(settings.output);
    if (!settings.row_sums.empty()) told(settings.row_sums);
  } else {
    plot_folder(context, settings.run);
  }
  flush_answer();
  return k_success;
}

}  // namespace

void add_plot(CLI::App& app, int& status) {
  auto settings = std::make_shared<PlotSettings>();
  CLI::App* command = app.add_subcommand("plot", "Make the pictures of a run or a model again");
  command->add_option("--run", settings->run,
                      "Folder of a training: writes training_curves.png, spy.png and row_sums.png "
                      "into it; of sparsify --curve: density.png");
  add_model_flags(*command, settings->model);
  command->get_option("--model")->required(false)->description(
      "Model file (safetensors): writes --output");
  command->add_option("--output", settings->output, "With --model: the picture of M = [A B; C D]")
      ->capture_default_str();
  command->add_option("--row-sums", settings->row_sums,
                      "With --model: the picture of the row sums of A, and of kappa, to write too");
  command->callback([command, settings, &status] { status = plot(*command, *settings); });
}

}  // namespace idl::cli
