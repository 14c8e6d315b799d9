// SPDX-License-Identifier: MIT
#include <iomanip>
#include <iostream>
#include <memory>
#include <string>

#include "host/cli/arguments.hpp"
#include "host/cli/command.hpp"
#include "host/cli/model_flags.hpp"
#include "idl/sparsify.hpp"
#include "idl/trainer.hpp"

namespace idl::cli {
namespace {

struct SparsifySettings {
  ModelFlags model;
  std::string output;
  SparsifyOptions how;
  std::string data;
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

template <class T>
void print_accuracies(Context& context, const ImplicitModel<T>& before,
                      const ImplicitModel<T>& after, const std::string& folder) {
  constexpr index_t k_batch = 500;
  const DatasetPair data = read_dataset(folder);
  const auto accuracy = [&](const ImplicitModel<T>& model) {
    const Evaluation evaluation =
        evaluate(context, model, data.test, LossKind::softmax_cross_entropy, k_batch);
    return 100.0 * evaluation.accuracy;
  };
  std::cout << "test accuracy " << std::fixed << std::setprecision(2) << accuracy(before)
            << " % before, " << accuracy(after) << " % after, on " << data.test.size()
            << " samples\n";
}

template <class T>
int sparsify_model(const SparsifySettings& settings) {
  Context context({.device = parse_device(settings.device), .threads = settings.threads});
  const ImplicitModel<T> model = load_model<T>(context, settings.model.path, settings.model.load);
  const ImplicitModel<T> sparse = sparsify(context, model, settings.how);
  save_model(context, sparse, settings.output);
  print_entries(sparse);
  if (!settings.data.empty()) print_accuracies(context, model, sparse, settings.data);
  flush_answer();
  return k_success;
}

}  // namespace

void add_sparsify(CLI::App& app, int& status) {
  auto settings = std::make_shared<SparsifySettings>();
  CLI::App* command =
      app.add_subcommand("sparsify", "Keep the entries of a model that count, in compressed rows");
  add_model_flags(*command, settings->model);
  command->add_option("--output", settings->output, "Model file to write (safetensors)")
      ->required();
  for_each_flag_of(settings->how, [&](std::string_view name, auto& value, std::string_view help,
                                      const NumberRange& range) {
    add_setting(*command, name, value, help, range);
  });
  command->add_option("--data", settings->data,
                      "Folder with (Fashion-)MNIST (IDX) or CIFAR-10 (binary): tells the accuracy "
                      "before and after");
  add_device_flag(*command, settings->device);
  add_threads_flag(*command, settings->threads);
  add_precision_flag(*command, settings->precision);
  command->callback([settings, command, &status] {
    IDL_CHECK(settings->how.by != SparsifyRule::threshold || command->count("--threshold") > 0,
              "--by threshold needs --threshold");
    settings->model.load.allow_unproven = true;
    status = with_precision(settings->precision,
                            [&]<class T>() { return sparsify_model<T>(*settings); });
  });
}

}  // namespace idl::cli
