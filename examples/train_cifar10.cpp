// SPDX-License-Identifier: MIT
// Trains an implicit model on CIFAR-10 (binary version), with the numbers of the original PyTorch
// package's example, and writes metrics, models and a checkpoint:
//   train_cifar10 DATA_FOLDER RUN_FOLDER [--grey] [--flip] [EPOCHS] [STATES]
// --grey takes the luma of a pixel in the place of its three colours; --flip trains on the mirror
// image of each picture too, so that an epoch has twice the steps.
#include <cstdlib>
#include <cstring>
#include <idl/idl.hpp>
#include <iostream>
#include <vector>

namespace {

constexpr idl::index_t k_side = 32;
constexpr idl::index_t k_pixels = k_side * k_side;

/// What becomes of the pictures.
struct Look {
  bool grey = false;
  bool flip = false;  ///< the mirror images follow the pictures
};

/// The same samples, made of those of `pictures`, which must outlive them, as they are asked for.
idl::Dataset seen(const idl::Dataset& pictures, const Look& look) {
  const idl::index_t size = pictures.size();
  const auto read = [&pictures, look, size](idl::index_t index, std::span<float> column) {
    std::vector<float> picture(3 * k_pixels);
    pictures.copy_sample<float>(index % size, picture);
    for (std::size_t i = 0; i < column.size(); ++i) {
      const std::size_t row = i / k_side * k_side;  // of any of the planes
      const std::size_t place = index < size ? i : row + (k_side - 1 - i % k_side);
      // ITU-R BT.601, as imaging programs make a picture grey.
      column[i] = look.grey ? 0.299F * picture[place] + 0.587F * picture[place + k_pixels] +
                                  0.114F * picture[place + 2 * k_pixels]
                            : picture[place];
    }
  };
  idl::Dataset::Labels labels = {{pictures.labels().begin(), pictures.labels().end()},
                                 pictures.classes()};
  if (look.flip)
    labels.of_samples.insert(labels.of_samples.end(), pictures.labels().begin(),
                             pictures.labels().end());
  const idl::index_t features = (look.grey ? 1 : 3) * k_pixels;
  idl::Dataset data = idl::Dataset::from_function<float>(read, std::move(labels), features);
  // From [0, 1] to [-1, 1].
  const std::vector<double> half(static_cast<std::size_t>(features), 0.5);
  data.set_scaling({half, half});
  return data;
}

}  // namespace

int main(int argc, char** argv) try {
  Look look;
  std::vector<const char*> words;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--grey") == 0)
      look.grey = true;
    else if (std::strcmp(argv[i], "--flip") == 0)
      look.flip = true;
    else
      words.push_back(argv[i]);
  }
  if (words.size() < 2) {
    std::cerr << "usage: train_cifar10 DATA_FOLDER RUN_FOLDER [--grey] [--flip] [EPOCHS] "
                 "[STATES]\n";
    return 2;
  }
  const std::int64_t epochs = words.size() > 2 ? std::atoll(words[2]) : 10;
  const idl::index_t states = words.size() > 3 ? std::atoll(words[3]) : 300;

  idl::Context context;  // the first GPU where there is one, the CPU otherwise
  std::cout << "on " << describe(context.device()) << "\n";
  const idl::DatasetPair pictures = idl::read_cifar10(words[0]);
  const idl::Dataset train = seen(pictures.train, look);
  const idl::Dataset test = seen(pictures.test, {.grey = look.grey});

  idl::ImplicitModel<float> model(
      context, {.states = states, .inputs = train.features(), .outputs = train.classes()});
  idl::TrainerOptions options;
  options.epochs = epochs;
  options.batch_size = 100;
  options.optimizer.learning_rate = 5e-4;
  options.folder = words[1];
  options.data_format.classes = {"airplane", "automobile", "bird",  "cat",  "deer",
                                 "dog",      "frog",       "horse", "ship", "truck"};
  options.on_epoch = [](const idl::EpochMetrics& epoch) {
    std::cout << "epoch " << epoch.epoch << ": " << epoch.step << " steps, loss "
              << epoch.train_loss << ", test accuracy " << epoch.test->accuracy << ", "
              << epoch.forward_iterations << " iterations, " << epoch.samples_per_second
              << " samples/s\n";
  };
  idl::Trainer<float>(context, model, train, &test, options).fit();
  return 0;
} catch (const idl::Error& error) {
  std::cerr << "train_cifar10: " << error.what() << "\n";
  return 1;
}
