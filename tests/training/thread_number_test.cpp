// SPDX-License-Identifier: MIT
// Nothing that the library computes may tell with how many threads it did.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "idl/trainer.hpp"
#include "tests/host/device_test.hpp"
#include "tests/io/files.hpp"
#include "tests/training/synthetic_data.hpp"

namespace idl::test {
namespace {

// Products, solves and updates of this size are worth several threads each; the last batch is not
// full.
constexpr ModelShape k_shape{.states = 220, .inputs = 150, .outputs = 4};
constexpr index_t k_samples = 230;

Context context_of(int threads) { return Context({.device = Device::cpu(), .threads = threads}); }

struct Training {
  Dataset train = make_dataset(k_samples, k_shape.inputs, k_shape.outputs, 1);
  TemporaryFolder folder;
  bool batch_invariant = false;

  /// Up to `epochs`, perhaps from a checkpoint on. Returns A, B, C, D.
  std::vector<float> fit(int threads, std::int64_t epochs, bool resume = false) const {
    Context context = context_of(threads);
    ImplicitModel<float> model(context, k_shape, {.bias = true}, 3);
    TrainerOptions options;
    options.epochs = epochs;
    options.batch_size = 100;
    options.optimizer.learning_rate = 1e-2;
    options.solver.batch_invariant = batch_invariant;
    if (resume || epochs == 1) options.folder = folder.path();
    Trainer<float> trainer(context, model, train, nullptr, options);
    if (resume) trainer.resume();
    trainer.fit();
    return download<float>(context, model.M());
  }
};

TEST(ThreadNumber, LeavesTheBitsOfATrainingAlone) {
  for (const bool batch_invariant : {false, true}) {
    Training training;
    training.batch_invariant = batch_invariant;
    const std::vector<float> with_one = training.fit(1, 2);
    for (const int threads : {0, 2, 3, 7})
      EXPECT_TRUE(same_bits(training.fit(threads, 2), with_one)) << threads;
  }
}

TEST(ThreadNumber, MayChangeBetweenATrainingAndItsResumption) {
  const Training training;
  const std::vector<float> at_once = training.fit(3, 2);
  training.fit(1, 1);
  EXPECT_TRUE(same_bits(training.fit(2, 2, true), at_once));
}

/// Double and few samples beside a large A too, where a loop may be shared in other ways.
template <class T>
std::vector<T> answers(int threads, index_t states, index_t samples) {
  Context context = context_of(threads);
  const ImplicitModel<T> model(context, {.states = states, .inputs = 20, .outputs = 3}, {}, 5);
  RandomValues random(7);
  BatchPass<T> pass(context, model, samples, {.backward = true});
  const std::vector<double> U = random.uniforms(20 * samples, -1.0, 1.0);
  upload<T>(context, std::vector<T>(U.begin(), U.end()), pass.U());
  static_cast<void>(pass.forward());
  copy<T>(context, pass.Y(), pass.dY());
  static_cast<void>(pass.backward());
  std::vector<T> all = download<T>(context, pass.X());
  for (const T entry : download<T>(context, pass.dM())) all.push_back(entry);
  return all;
}

TEST(ThreadNumber, LeavesTheBitsOfStatesAndGradientsAlone) {
  for (const index_t samples : {1, 2, 9, 20, 300})
    for (const int threads : {2, 3, 8}) {
      EXPECT_TRUE(same_bits(answers<float>(threads, 600, samples), answers<float>(1, 600, samples)))
          << samples << " samples, " << threads << " threads";
      EXPECT_TRUE(
          same_bits(answers<double>(threads, 150, samples), answers<double>(1, 150, samples)))
          << samples << " samples, " << threads << " threads";
    }
}

TEST(ThreadNumber, IsRefusedBelow0AndAbove256) {
  for (const int threads : {-1, 257, 1 << 30}) {
    try {
      context_of(threads);
      ADD_FAILURE() << threads << " was taken";
    } catch (const InvalidArgument& error) {
      EXPECT_TRUE(holds(error.what(), {"threads is " + std::to_string(threads), "256"}));
    }
  }
  EXPECT_EQ(context_of(256).device(), Device::cpu());
}

}  // namespace
}  // namespace idl::test
