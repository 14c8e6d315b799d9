// SPDX-License-Identifier: MIT
#include "host/train/checkpoint.hpp"

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "tests/fuzz/target.hpp"

namespace {

using namespace idl;

/// The training that make_corpus.py writes checkpoints of: 2 states, 3 features, 2 classes, 5
/// samples in batches of 2, everything else as it is by default.
struct Training {
  Training() {
    std::string name = (std::filesystem::temp_directory_path() / "idl-fuzz-XXXXXX").string();
    fuzz::require(::mkdtemp(name.data()) != nullptr, "a temporary folder can be made");
    options.folder = name;
    options.batch_size = 2;
  }
  ~Training() {
    std::error_code ignored;
    std::filesystem::remove_all(options.folder, ignored);
  }
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  /// Lets the folder's checkpoint be the file at `path`, which is the same in every call.
  void use(const std::filesystem::path& path) {
    const std::filesystem::path checkpoint = options.folder / "checkpoint.safetensors";
    std::error_code already_there;
    std::filesystem::create_symlink(path, checkpoint, already_there);
    fuzz::require(std::filesystem::read_symlink(checkpoint) == path, "the checkpoint is the input");
  }

  Context context{Device::cpu()};
  TrainerOptions options;
  Dataset data = Dataset::from_values(std::vector<float>(15, 0.5F), {0, 1, 0, 1, 0}, 3, 2);
  ImplicitModel<float> model{context, {.states = 2, .inputs = 3, .outputs = 2}};
  Optimizer<float> optimizer{context, model, options.optimizer};
};

void check(const TrainingPosition& position) {
  fuzz::require(position.epoch >= 0 && position.batch >= 0 && position.batch < 3,
                "a position lies in the training");
  fuzz::require(position.steps == 3 * position.epoch + position.batch,
                "the steps are those of the epochs and batches");
  fuzz::require(position.samples == 2 * position.batch, "the samples are those of the batches");
  fuzz::require(position.not_converged >= 0, "no count is negative");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::run(data, size, [](const std::filesystem::path& path) {
    static Training training;
    training.use(path);
    check(read_checkpoint(training.context, training.model, training.optimizer, training.options,
                          training.data, digests_of(training.data, nullptr)));
  });
}
