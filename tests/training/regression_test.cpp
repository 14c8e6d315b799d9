// SPDX-License-Identifier: MIT
// Targets in place of labels, from the batch to the checkpoint.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/host/random_values.hpp"
#include "tests/training/trainer_fixture.hpp"

namespace idl::test {
namespace {

constexpr ModelShape k_shape{.states = 12, .inputs = 5, .outputs = 2};

/// Two targets that are linear in five features, of very different sizes.
Dataset measured(index_t samples, std::uint64_t seed) {
  RandomValues random(seed);
  std::vector<double> features = random.uniforms(samples * k_shape.inputs, -1.0, 1.0);
  std::vector<double> targets;
  for (auto u = features.begin(); u != features.end(); u += k_shape.inputs) {
    targets.push_back(100.0 + 30.0 * u[0] - 20.0 * u[1]);
    targets.push_back(0.1 * u[2] + 0.05 * u[3]);
  }
  return Dataset::from_values(std::move(features), Dataset::Targets{std::move(targets), 2},
                              k_shape.inputs);
}

Dataset standardised(const Dataset& data) {
  return data.scaled(standard_scaling_of_features(data), standard_scaling_of_targets(data));
}

template <class C>
class RegressionTest : public TrainerFixture<C, ImplicitModel> {
 protected:
  using Element = typename C::Scalar;

  // 70 samples in batches of 32: the last batch of an epoch has six.
  RegressionTest()
      : TrainerFixture<C, ImplicitModel>(standardised(measured(70, 1)), measured(33, 2)) {
    this->test_ = this->test_.scaled(this->train_.feature_scaling(), this->train_.target_scaling());
  }

  TrainerOptions options(const std::string& folder, std::int64_t epochs) const {
    TrainerOptions options;
    options.epochs = epochs;
    options.batch_size = 32;
    options.loss = LossKind::squared_error;
    options.optimizer.learning_rate = 5e-2;
    options.schedule.kind = ScheduleKind::step;
    options.data_format.targets = {"large", "small"};
    if (!folder.empty()) options.folder = this->temporary_.path() / folder;
    return options;
  }
  ImplicitModel<Element> model(std::uint64_t seed = 3) {
    return ImplicitModel<Element>(this->context(), k_shape, {}, seed);
  }
};
TYPED_TEST_SUITE(RegressionTest, AllCases, CaseNames);

TYPED_TEST(RegressionTest, LearnsTargetsAndKeepsTheModelOfTheSmallestTestLoss) {
  auto model = this->model();
  TrainerOptions options = this->options("", 25);
  double best = std::numeric_limits<double>::infinity();
  std::vector<EpochMetrics> epochs;
  options.on_epoch = [&](const EpochMetrics& metrics) {
    EXPECT_EQ(metrics.best, metrics.test->loss < best);
    best = std::min(best, metrics.test->loss);
    epochs.push_back(metrics);
  };
  this->fit(model, options);
  ASSERT_EQ(epochs.size(), 25U);
  EXPECT_GT(epochs.back().test->regression->r2, 0.95);
  EXPECT_LT(epochs.front().test->regression->r2, epochs.back().test->regression->r2);
  EXPECT_DOUBLE_EQ(epochs.back().regression->rmse, std::sqrt(epochs.back().train_loss));
}

TYPED_TEST(RegressionTest, EvaluationEqualsANaiveOneInDouble) {
  auto model = this->model();
  this->fit(model, this->options("", 3));
  const Evaluation evaluation =
      evaluate(this->context(), model, this->test_, LossKind::squared_error, 16);
  const index_t m = this->test_.size();
  std::vector<double> features(static_cast<std::size_t>(m * k_shape.inputs));
  std::vector<double> targets(static_cast<std::size_t>(m * k_shape.outputs));
  for (index_t k = 0; k < m; ++k) {
    const auto at = static_cast<std::size_t>(k);
    this->test_.template copy_sample<double>(k, std::span(features).subspan(at * 5, 5));
    this->test_.template copy_target<double>(k, std::span(targets).subspan(at * 2, 2));
  }
  const auto U = this->matrix(k_shape.inputs, m, features);
  const auto Y = model.predict(this->context(), U);
  const std::vector<double> answers = this->fetch_double(Y.Y.view());
  double residual = 0.0;
  double total = 0.0;
  for (std::size_t i = 0; i < 2; ++i) {
    double mean = 0.0;
    for (std::size_t k = i; k < targets.size(); k += 2) mean += targets[k] / static_cast<double>(m);
    for (std::size_t k = i; k < targets.size(); k += 2) {
      residual += (answers[k] - targets[k]) * (answers[k] - targets[k]);
      total += (targets[k] - mean) * (targets[k] - mean);
    }
  }
  // Batches of another size may stop a solve elsewhere, by less than 20 steps of 3e-6.
  constexpr double tolerance = 1e-3;
  EXPECT_NEAR(evaluation.loss, residual / static_cast<double>(2 * m), tolerance);
  EXPECT_NEAR(evaluation.regression->r2, 1 - residual / total, tolerance);
  EXPECT_EQ(evaluation.accuracy, 0.0);
}

TYPED_TEST(RegressionTest, ResumesWithTheBitsOfNotHavingStopped) {
  this->expect_the_bits_of_not_having_stopped(
      {0, 2, 4}, [&](std::uint64_t seed) { return this->model(seed); },
      [&](const std::string& folder, std::int64_t epochs) { return this->options(folder, epochs); },
      [&](const std::string& undisturbed, const std::string& resumed) {
        EXPECT_EQ(this->metrics(undisturbed), this->metrics(resumed));
        EXPECT_EQ(this->content(undisturbed, "best.safetensors"),
                  this->content(resumed, "best.safetensors"));
      });
}

TYPED_TEST(RegressionTest, KeepsScalingsNamesAndScoresInEveryFile) {
  auto model = this->model();
  this->fit(model, this->options("run", 1));
  const nlohmann::json last = this->metrics("run").back();
  EXPECT_NEAR(last["train_rmse"].template get<double>(),
              std::sqrt(last["train_loss"].template get<double>()), 1e-12);
  EXPECT_TRUE(last.contains("test_r2"));
  EXPECT_FALSE(last.contains("train_accuracy"));
  for (const char* name : {"best", "last", "checkpoint"}) {
    const DataFormat data =
        examine_model(this->temporary_.path() / "run" / (std::string(name) + ".safetensors"))
            .description.data;
    EXPECT_EQ(data.targets, (std::vector<std::string>{"large", "small"}));
    EXPECT_EQ(data.feature_scaling, this->train_.feature_scaling());
    EXPECT_EQ(data.target_scaling, this->train_.target_scaling());
  }
  TrainerOptions renamed = this->options("run", 2);
  renamed.data_format.targets = {"small", "large"};
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { this->fit(model, renamed, true); }),
                    {"other data", "names"}));
}

TYPED_TEST(RegressionTest, RefusesLossesAndNamesThatDoNotFitTheData) {
  using T = typename TypeParam::Scalar;
  auto model = this->model();
  TrainerOptions softmax = this->options("", 1);
  softmax.loss = LossKind::softmax_cross_entropy;
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { this->fit(model, softmax); }),
                    {"targets", "squared_error", "softmax_cross_entropy"}));
  TrainerOptions named = this->options("", 1);
  named.data_format.targets = {"one"};
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { this->fit(model, named); }),
                    {"data.targets names 1", "has 2"}));
  const Dataset labelled = Dataset::from_values(std::vector<float>(10), {0, 1}, 5, 2);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] {
                      Trainer<T>(this->context(), model, this->train_, &labelled,
                                 this->options("", 1));
                    }),
                    {"both have labels or both targets"}));
}

TYPED_TEST(RegressionTest, ASampleThatIsNotFiniteLeavesTheOthersLosses) {
  auto model = this->model();
  std::vector<double> features(static_cast<std::size_t>(33 * k_shape.inputs), 0.25);
  const std::vector<double> targets(66, 1.0);
  const Dataset whole = Dataset::from_values(features, Dataset::Targets{targets, 2}, 5);
  features[4 * 5] = std::numeric_limits<double>::quiet_NaN();
  const Dataset spoiled = Dataset::from_values(features, Dataset::Targets{targets, 2}, 5);
  const Evaluation good = evaluate(this->context(), model, whole, LossKind::squared_error, 33);
  const Evaluation bad = evaluate(this->context(), model, spoiled, LossKind::squared_error, 33);
  this->take_warnings();
  EXPECT_EQ(good.not_finite, 0);
  EXPECT_TRUE(std::isnan(good.regression->r2));  // constant targets
  EXPECT_EQ(bad.not_finite, 1);
  EXPECT_EQ(bad.first_not_finite, 4);
}

}  // namespace
}  // namespace idl::test
