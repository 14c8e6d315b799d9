// SPDX-License-Identifier: MIT
// Losses of the caller's own, from the batch to the checkpoint.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/training/synthetic_data.hpp"
#include "tests/training/trainer_fixture.hpp"

namespace idl::test {
namespace {

constexpr ModelShape k_shape{.states = 6, .inputs = 6, .outputs = 3};

/// losses_j = Σ_{i≠label} max(0, 1 + Y_ij − Y_label,j), on the host.
template <class T>
void hinge(const LossBatch<T>& batch) {
  const T share = T(1) / static_cast<T>(batch.Y.cols);
  for (index_t j = 0; j < batch.Y.cols; ++j) {
    const T* y = batch.Y.data + j * batch.Y.ld;
    T* dy = batch.dY.data + j * batch.dY.ld;
    std::fill_n(dy, batch.Y.rows, T(0));
    T loss = 0;
    for (index_t i = 0; i < batch.Y.rows; ++i) {
      const T margin = T(1) + y[i] - y[batch.labels.data[j]];
      if (i == batch.labels.data[j] || margin <= T(0)) continue;
      loss += margin;
      dy[i] += share;
      dy[batch.labels.data[j]] -= share;
    }
    batch.losses.data[j] = loss;
  }
}

/// losses_j = Σ_i |Y_ij − target_ij| − 5, on the host: a loss that is negative where it is good.
template <class T>
void absolute_error(const LossBatch<T>& batch) {
  for (index_t j = 0; j < batch.Y.cols; ++j) {
    T sum = T(-5);
    for (index_t i = 0; i < batch.Y.rows; ++i) {
      const T difference =
          batch.Y.data[i + j * batch.Y.ld] - batch.targets.data[i + j * batch.targets.ld];
      sum += std::abs(difference);
      batch.dY.data[i + j * batch.dY.ld] =
          std::copysign(T(1), difference) / static_cast<T>(batch.Y.cols);
    }
    batch.losses.data[j] = sum;
  }
}

template <class C>
class CustomLossTest : public TrainerFixture<C, ImplicitModel> {
 protected:
  using Element = typename C::Scalar;

  // 20 samples in batches of 8: the last batch of an epoch has four.
  CustomLossTest()
      : TrainerFixture<C, ImplicitModel>(make_dataset(20, k_shape.inputs, k_shape.outputs, 1),
                                         make_dataset(12, k_shape.inputs, k_shape.outputs, 2)) {}

  TrainerOptions options(const std::string& folder, std::int64_t epochs) const {
    TrainerOptions options;
    options.epochs = epochs;
    options.batch_size = 8;
    options.custom_loss = on_host<Element>(hinge<Element>);
    options.optimizer.learning_rate = 2e-2;
    options.shuffle = false;
    if (!folder.empty()) options.folder = this->temporary_.path() / folder;
    return options;
  }
  ImplicitModel<Element> model(std::uint64_t seed = 3) {
    return ImplicitModel<Element>(this->context(), k_shape, {}, seed);
  }
  /// Samples [first, first + count) of the training data, column by column.
  std::vector<Element> inputs(index_t first, index_t count) const {
    std::vector<Element> U(static_cast<std::size_t>(count * k_shape.inputs));
    for (index_t j = 0; j < count; ++j)
      this->train_.template copy_sample<Element>(
          first + j, std::span(U).subspan(static_cast<std::size_t>(6 * j), 6));
    return U;
  }
};
TYPED_TEST_SUITE(CustomLossTest, AllCases, CaseNames);

TYPED_TEST(CustomLossTest, TrainsAsTheSameStepsTakenByHand) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  auto trained = this->model();
  std::vector<EpochMetrics> epochs;
  TrainerOptions options = this->options("", 2);
  options.on_epoch = [&](const EpochMetrics& metrics) { epochs.push_back(metrics); };
  this->fit(trained, options);

  auto expected = this->model();
  Optimizer<T> optimizer(context, expected, options.optimizer);
  for (const EpochMetrics& epoch : epochs) {
    double loss_sum = 0.0;
    double right = 0.0;
    for (const auto& [first, count] : {std::pair<index_t, index_t>{0, 8}, {8, 8}, {16, 4}}) {
      BatchPass<T> pass(context, expected, count);
      upload<T>(context, this->inputs(first, count), pass.U());
      static_cast<void>(pass.forward());
      const std::vector<T> Y = this->fetch(pass.Y());
      std::vector<T> dY(Y.size());
      std::vector<T> losses(static_cast<std::size_t>(count));
      const Device host = Device::cpu();
      const std::int32_t* labels = this->train_.labels().data() + first;
      hinge<T>({.Y = {Y.data(), 3, count, 3, host},
                .labels = {labels, count, host},
                .targets = {},
                .dY = {dY.data(), 3, count, 3, host},
                .losses = {losses.data(), count, host}});
      upload<T>(context, dY, pass.dY());
      static_cast<void>(pass.backward());
      optimizer.step(context, expected, pass.dM());
      for (index_t j = 0; j < count; ++j) {
        const T* y = Y.data() + 3 * j;
        loss_sum += static_cast<double>(losses[static_cast<std::size_t>(j)]);
        right += std::max_element(y, y + 3) == y + labels[j] ? 1.0 : 0.0;
      }
    }
    EXPECT_NEAR(epoch.train_loss, loss_sum / 20.0, 1e-13 * loss_sum);
    EXPECT_EQ(epoch.train_accuracy, right / 20.0);
  }
  EXPECT_TRUE(same_bits(this->parameters(trained), this->parameters(expected)));
  EXPECT_LT(epochs.back().train_loss, epochs.front().train_loss);
}

TYPED_TEST(CustomLossTest, OnTheDeviceGivesTheBitsOfTheLibrarysOwnLoss) {
  using T = typename TypeParam::Scalar;
  TrainerOptions options = this->options("", 2);
  options.custom_loss = [none = Vector<T>(this->context(), 0).view()](Context& context,
                                                                      const LossBatch<T>& batch) {
    softmax_cross_entropy<T>(context, batch.Y, batch.labels, batch.dY, batch.losses, none);
  };
  std::vector<double> losses;
  options.on_epoch = [&](const EpochMetrics& metrics) {
    losses.insert(losses.end(), {metrics.train_loss, metrics.test->loss});
  };
  auto model = this->model();
  this->fit(model, options);
  options.custom_loss = {};
  auto expected = this->model();
  this->fit(expected, options);
  EXPECT_TRUE(same_bits(this->parameters(model), this->parameters(expected)));
  ASSERT_EQ(losses.size(), 8U);
  for (std::size_t k = 0; k < 4; ++k) EXPECT_EQ(losses[k], losses[k + 4]);
}

TYPED_TEST(CustomLossTest, ATestSetIsEvaluatedByIt) {
  using T = typename TypeParam::Scalar;
  auto model = this->model();
  TrainerOptions options = this->options("run", 1);
  Evaluation last;
  options.on_epoch = [&](const EpochMetrics& metrics) { last = metrics.test.value(); };
  this->fit(model, options);
  const Evaluation again = evaluate(this->context(), model, this->test_, on_host<T>(hinge<T>), 8);
  EXPECT_EQ(again.loss, last.loss);
  EXPECT_EQ(again.accuracy, last.accuracy);
  EXPECT_NE(again.loss,
            evaluate(this->context(), model, this->test_, LossKind::softmax_cross_entropy, 8).loss);
}

TYPED_TEST(CustomLossTest, IsToldInCheckpointsAndResumedBitForBit) {
  auto undisturbed = this->model();
  this->fit(undisturbed, this->options("undisturbed", 2));
  auto begun = this->model();
  this->fit(begun, this->options("resumed", 1));
  auto resumed = this->model(99);
  this->fit(resumed, this->options("resumed", 2), true);
  EXPECT_TRUE(same_bits(this->parameters(undisturbed), this->parameters(resumed)));
  TrainerOptions without = this->options("resumed", 2);
  without.custom_loss = {};
  auto other = this->model();
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { this->fit(other, without, true); }),
                    {R"(loss was "custom" and is "softmax_cross_entropy")"}));
}

TYPED_TEST(CustomLossTest, OfTargetsItMayBeNegativeAndHasNoRegressionScore) {
  using T = typename TypeParam::Scalar;
  std::vector<double> features;
  std::vector<double> targets;
  for (index_t k = 0; k < 20; ++k) {
    std::vector<double> column(6);
    this->train_.template copy_sample<double>(k, column);
    features.insert(features.end(), column.begin(), column.end());
    for (std::size_t i = 0; i < 3; ++i) targets.push_back(column[i] - column[i + 3]);
  }
  const Dataset data = Dataset::from_values(features, Dataset::Targets{targets, 3}, 6);
  TrainerOptions options = this->options("run", 1);
  options.custom_loss = on_host<T>(absolute_error<T>);
  std::vector<EpochMetrics> epochs;
  options.on_epoch = [&](const EpochMetrics& metrics) { epochs.push_back(metrics); };
  auto model = this->model();
  Trainer<T>(this->context(), model, data, &data, options).fit();
  options.epochs = 2;
  Trainer<T> trainer(this->context(), model, data, &data, options);
  trainer.resume();
  trainer.fit();
  ASSERT_EQ(epochs.size(), 2U);
  EXPECT_LT(epochs.back().train_loss, epochs.front().train_loss);
  EXPECT_LT(epochs.back().train_loss, 0.0);
  EXPECT_FALSE(epochs.back().regression.has_value());
  EXPECT_FALSE(epochs.back().test->regression.has_value());
  EXPECT_EQ(epochs.back().train_accuracy, 0.0);
}

TYPED_TEST(CustomLossTest, ALossThatIsNotFiniteNamesItsSampleAndWhatItThrowsComesOut) {
  using T = typename TypeParam::Scalar;
  auto model = this->model();
  TrainerOptions options = this->options("", 1);
  options.custom_loss = on_host<T>([](const LossBatch<T>& batch) {
    hinge<T>(batch);
    if (batch.losses.size == 4) batch.losses.data[2] = std::numeric_limits<T>::quiet_NaN();
  });
  EXPECT_TRUE(holds(text_of<NotFinite>([&] { this->fit(model, options); }),
                    {"batch 3 of 3", "the first is sample 18 of the data"}));
  options.custom_loss =
      on_host<T>([](const LossBatch<T>&) { throw std::domain_error("no such class"); });
  EXPECT_EQ(text_of<std::domain_error>([&] { this->fit(model, options); }), "no such class");
}

TYPED_TEST(CustomLossTest, RefusesALossThatIsNoneOrOfAnotherElementType) {
  using T = typename TypeParam::Scalar;
  using Other = std::conditional_t<std::is_same_v<T, float>, double, float>;
  auto model = this->model();
  TrainerOptions options = this->options("", 1);
  options.custom_loss = on_host<Other>(hinge<Other>);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { this->fit(model, options); }),
                    {"custom_loss is one of", "the model is of"}));
  options.custom_loss = CustomLoss<T>();
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { this->fit(model, options); }),
                    {"custom_loss is an empty function"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { on_host<T>({}); }),
                    {"on_host: the loss is an empty function"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>(
                        [&] { evaluate(this->context(), model, this->test_, CustomLoss<T>(), 8); }),
                    {"evaluate: the loss is an empty function"}));
}

}  // namespace
}  // namespace idl::test
