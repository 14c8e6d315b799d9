// SPDX-License-Identifier: MIT
// Trains an implicit model on MNIST or Fashion-MNIST, with the numbers of the original PyTorch
// package's example, and writes metrics, models and a checkpoint:
//   train_mnist DATA_FOLDER RUN_FOLDER [EPOCHS] [STATES]
#include <cstdlib>
#include <idl/idl.hpp>
#include <iostream>
#include <vector>

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::cerr << "usage: train_mnist DATA_FOLDER RUN_FOLDER [EPOCHS] [STATES]\n";
    return 2;
  }
  const std::int64_t epochs = argc > 3 ? std::atoll(argv[3]) : 10;
  const idl::index_t states = argc > 4 ? std::atoll(argv[4]) : 100;

  idl::Context context;  // the first GPU where there is one, the CPU otherwise
  std::cout << "on " << describe(context.device()) << "\n";
  idl::DatasetPair data = idl::read_mnist(argv[1]);
  const auto p = static_cast<std::size_t>(data.train.features());
  const idl::Scaling centred = {std::vector<double>(p, 0.5), std::vector<double>(p, 1.0)};
  data.train.set_scaling(centred);  // pixels from -0.5 to 0.5; the model's files say so
  data.test.set_scaling(centred);

  // X = relu(AX + BU), Y = CX + DU; A is projected onto ‖A‖∞ <= 0.95 after each step.
  idl::ImplicitModel<float> model(
      context, {.states = states, .inputs = data.train.features(), .outputs = data.train.classes()},
      {.well_posedness = idl::WellPosedness::inf_norm_ball(0.95)});

  idl::TrainerOptions options;
  options.epochs = epochs;
  options.batch_size = 100;
  options.optimizer.learning_rate = 5e-3;
  options.folder = argv[2];
  options.on_epoch = [](const idl::EpochMetrics& epoch) {
    std::cout << "epoch " << epoch.epoch << ": loss " << epoch.train_loss << ", test accuracy "
              << (epoch.test ? epoch.test->accuracy : 0.0) << ", " << epoch.forward_iterations
              << " iterations, " << epoch.samples_per_second << " samples/s\n";
  };
  idl::Trainer<float> trainer(context, model, data.train, &data.test, options);
  trainer.fit();

  // Well posed at every step, and so at the end: the equation has exactly one solution.
  const auto proof =
      idl::examine_well_posedness<float>(context, model.A(), model.options().activation);
  std::cout << "|A| = " << proof.inf_norm << ", well posed: " << std::boolalpha
            << proof.well_posed() << "\n";
  return proof.well_posed() ? 0 : 1;
} catch (const idl::Error& error) {
  std::cerr << "train_mnist: " << error.what() << "\n";
  return 1;
}
