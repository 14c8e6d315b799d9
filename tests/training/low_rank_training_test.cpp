// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "idl/trainer.hpp"
#include "tests/host/device_test.hpp"
#include "tests/io/files.hpp"
#include "tests/training/synthetic_data.hpp"

namespace idl::test {
namespace {

constexpr ModelShape k_shape{.states = 20, .inputs = 12, .outputs = 4};

template <class C>
class LowRankTraining : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  TrainerOptions options(const std::string& folder, std::int64_t epochs) const {
    TrainerOptions options;
    options.epochs = epochs;
    options.batch_size = 32;
    options.optimizer.learning_rate = 1e-2;
    if (!folder.empty()) options.folder = temporary_.path() / folder;
    return options;
  }
  TrainingEnd fit(ImplicitModel<Element>& model, TrainerOptions options, bool resume = false) {
    Trainer<Element> trainer(this->context(), model, train_, nullptr, std::move(options));
    if (resume) trainer.resume();
    return trainer.fit();
  }
  std::vector<Element> parameters(const ImplicitModel<Element>& model) {
    return this->fetch(model.M());
  }

  // 130 samples in batches of 32: the last batch of an epoch has two.
  Dataset train_ = make_dataset(130, k_shape.inputs, k_shape.outputs, 1);
  TemporaryFolder temporary_;
};
TYPED_TEST_SUITE(LowRankTraining, AllCases, CaseNames);

TYPED_TEST(LowRankTraining, GoesOnWithTheBitsOfNotHavingStopped) {
  using T = typename TypeParam::Scalar;
  const auto model = [&](std::uint64_t seed, index_t rank = 3) {
    return ImplicitModel<T>(this->context(), k_shape, {.rank = rank}, seed);
  };
  auto undisturbed = model(3);
  std::vector<double> losses;
  TrainerOptions watched = this->options("undisturbed", 3);
  watched.on_epoch = [&](const EpochMetrics& metrics) { losses.push_back(metrics.train_loss); };
  this->fit(undisturbed, watched);
  EXPECT_LT(losses.back(), 0.8 * losses.front());
  const auto report = examine_well_posedness(this->context(), std::as_const(undisturbed).L(),
                                             std::as_const(undisturbed).R(), Activation{});
  EXPECT_LE(report.inf_norm, 0.95 * (1 + 1e-6));
  auto stopped = model(3);
  TrainerOptions until = this->options("stopped", 3);
  int asked = 0;
  until.stop_requested = [&] { return asked++ == 7; };
  ASSERT_EQ(this->fit(stopped, until), TrainingEnd::stopped);
  auto other = model(3, 4);
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([&] { this->fit(other, this->options("stopped", 3), true); }),
            {"model.rank was 3 and is 4"}));
  auto resumed = model(99);
  ASSERT_EQ(this->fit(resumed, this->options("stopped", 3), true), TrainingEnd::finished);
  EXPECT_TRUE(same_bits(this->parameters(undisturbed), this->parameters(resumed)));
  EXPECT_EQ(read_text(this->temporary_.path() / "undisturbed" / "last.safetensors"),
            read_text(this->temporary_.path() / "stopped" / "last.safetensors"));
  TrainerOptions pruned = this->options("", 3);
  pruned.pruning = {.density = 0.5, .epochs = 1};
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { this->fit(resumed, pruned); }),
                    {"A is L R^T of rank 3"}));
}

}  // namespace
}  // namespace idl::test
