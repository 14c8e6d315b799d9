// SPDX-License-Identifier: MIT
// From a dense training to sparse inference, on MNIST or Fashion-MNIST:
//   sparse_fashion_mnist DATA_FOLDER OUTPUT_FOLDER [EPOCHS] [STATES] [DENSITY]
// Trains a dense model, shows what pruning at once costs and how far it can move any answer, prunes
// gradually while training goes on, leaves out dead states and unused inputs, saves, loads and
// predicts.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <idl/idl.hpp>
#include <iostream>

namespace {

using Model = idl::ImplicitModel<float>;

void train(idl::Context& context, Model& model, const idl::DatasetPair& data, std::int64_t epochs,
           const idl::PruningOptions& pruning) {
  idl::TrainerOptions options;
  options.epochs = epochs;
  options.batch_size = 100;
  options.optimizer.learning_rate = 5e-3;
  options.pruning = pruning;
  idl::Trainer<float>(context, model, data.train, nullptr, options).fit();
}

double accuracy(idl::Context& context, const Model& model, const idl::DatasetPair& data) {
  return evaluate(context, model, data.test, idl::LossKind::softmax_cross_entropy, 500).accuracy;
}

/// The inputs of these indices of the first samples, one sample a column.
idl::Matrix<float> inputs_of(idl::Context& context, const idl::Dataset& data, std::int64_t samples,
                             const std::vector<idl::index_t>& inputs) {
  std::vector<float> values;
  std::vector<float> column(static_cast<std::size_t>(data.features()));
  for (std::int64_t j = 0; j < samples; ++j) {
    data.copy_sample<float>(j, column);
    for (const idl::index_t input : inputs)
      values.push_back(column[static_cast<std::size_t>(input)]);
  }
  return idl::Matrix<float>::from_host(context, static_cast<idl::index_t>(inputs.size()), samples,
                                       values);
}

void print_entries(const Model& model, const char* matrix, idl::index_t all) {
  const idl::index_t stored = model.is_sparse(matrix) ? model.csr(matrix).nnz : all;
  std::cout << "  " << matrix << ": " << stored << " of " << all << " entries\n";
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::cerr << "usage: sparse_fashion_mnist DATA_FOLDER OUTPUT_FOLDER [EPOCHS] [STATES] "
                 "[DENSITY]\n";
    return 2;
  }
  const std::filesystem::path folder = argv[2];
  const std::int64_t epochs = argc > 3 ? std::atoll(argv[3]) : 4;
  const idl::index_t states = argc > 4 ? std::atoll(argv[4]) : 100;
  const double density = argc > 5 ? std::atof(argv[5]) : 0.1;
  std::filesystem::create_directories(folder);

  idl::Context context;  // the first GPU where there is one, the CPU otherwise
  const idl::DatasetPair data = idl::read_mnist(argv[1]);
  const idl::ModelShape shape = {
      .states = states, .inputs = data.train.features(), .outputs = data.train.classes()};
  Model model(context, shape, {.bias = true});
  train(context, model, data, epochs, {});
  std::cout << "dense: accuracy " << accuracy(context, model, data) << "\n";

  // The largest entries of each matrix, without further training.
  const Model at_once = sparsify(context, model, {.density = density});
  std::vector<idl::index_t> all_inputs;
  for (idl::index_t k = 0; k < shape.inputs; ++k) all_inputs.push_back(k);
  const std::int64_t samples = std::min<std::int64_t>(data.test.size(), 100);
  const auto U = inputs_of(context, data.test, samples, all_inputs);
  const idl::PruningBound bound = pruning_bound(context, model, at_once, U);
  std::cout << "pruned at once: accuracy " << accuracy(context, at_once, data)
            << ", states moved by at most " << bound.worst_state << ", outputs by at most "
            << bound.worst_output << "\n";

  // Gradually in the first half of as many epochs again; then the pattern stays.
  train(context, model, data, epochs, {.density = density, .epochs = epochs / 2, .interval = 50});
  std::cout << "pruned gradually: accuracy " << accuracy(context, model, data) << "\n";
  print_entries(model, "A", states * states);
  print_entries(model, "B", states * model.input_rows());
  print_entries(model, "C", shape.outputs * states);
  print_entries(model, "D", shape.outputs * model.input_rows());

  // What is left of it, and the inputs that it reads: both are needed to predict.
  const idl::ReducedModel<float> reduced = remove_dead(context, compact(context, model));
  std::cout << reduced.kept_states.size() << " states and " << reduced.kept_inputs.size()
            << " inputs are left\n";
  save_model(context, reduced.model, folder / "sparse.safetensors");
  write_npy(folder / "kept_inputs.npy",
            idl::io::Array::from<std::int64_t>(
                {static_cast<std::int64_t>(reduced.kept_inputs.size())}, reduced.kept_inputs));

  const Model loaded = idl::load_model<float>(context, folder / "sparse.safetensors");
  const auto kept = idl::io::read_npy(folder / "kept_inputs.npy").as<std::int64_t>();
  const auto prediction = loaded.predict(context, inputs_of(context, data.test, samples, kept));
  const std::vector<float> Y = download(context, prediction.Y);
  const std::vector<float> expected = download(context, model.predict(context, U).Y);
  float difference = 0;
  for (std::size_t k = 0; k < Y.size(); ++k)
    difference = std::max(difference, std::abs(Y[k] - expected[k]));
  std::cout << "loaded: outputs of " << samples << " samples differ by at most " << difference
            << ", certificates by at most " << prediction.report.worst_error_bound() << "\n";
  return prediction.report.all_converged() && difference < 1e-2F ? 0 : 1;
} catch (const idl::Error& error) {
  std::cerr << "sparse_fashion_mnist: " << error.what() << "\n";
  return 1;
}
