// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/host/random_values.hpp"
#include "tests/training/synthetic_data.hpp"
#include "tests/training/trainer_fixture.hpp"

namespace idl::test {
namespace {

constexpr index_t k_rnn_steps = 4;
constexpr RecurrentShape k_rnn_shape{.inputs = 2, .states = 7, .hidden = 5, .outputs = 3};

/// Sequences of two numbers a step; the label is in which third the sum of the first numbers lies.
Dataset make_sequences(index_t samples, std::uint64_t seed) {
  RandomValues random(seed);
  std::vector<float> values;
  std::vector<std::int32_t> labels;
  for (index_t k = 0; k < samples; ++k) {
    double sum = 0;
    for (index_t t = 0; t < k_rnn_steps; ++t) {
      const double x = random.uniform(-1.0, 1.0);
      values.push_back(static_cast<float>(x));
      values.push_back(static_cast<float>(random.uniform(-1.0, 1.0)));
      sum += x;
    }
    labels.push_back(sum < -0.5 ? 0 : sum < 0.5 ? 1 : 2);
  }
  return Dataset::from_values(std::move(values), std::move(labels), 2 * k_rnn_steps, 3);
}

/// The same with the sum as target.
Dataset with_sums(const Dataset& data) {
  std::vector<double> values(static_cast<std::size_t>(data.size() * data.features()));
  std::vector<double> sums;
  const auto width = static_cast<std::size_t>(data.features());
  for (index_t k = 0; k < data.size(); ++k) {
    const auto sample = std::span(values).subspan(static_cast<std::size_t>(k) * width, width);
    data.copy_sample<double>(k, sample);
    double sum = 0;
    for (std::size_t i = 0; i < width; i += 2) sum += sample[i];
    sums.push_back(sum);
  }
  return Dataset::from_values(std::move(values), Dataset::Targets{std::move(sums), 1},
                              data.features());
}

template <class C>
class RecurrentTrainerTest : public TrainerFixture<C, ImplicitRnn> {
 protected:
  using Element = typename C::Scalar;

  // 40 sequences in batches of 16: the last batch of an epoch has eight.
  RecurrentTrainerTest()
      : TrainerFixture<C, ImplicitRnn>(make_sequences(40, 1), make_sequences(20, 2)) {}

  TrainerOptions options(const std::string& folder, std::int64_t epochs) const {
    TrainerOptions options;
    options.epochs = epochs;
    options.batch_size = 16;
    options.optimizer.learning_rate = 1e-2;
    if (!folder.empty()) options.folder = this->temporary_.path() / folder;
    return options;
  }
  ImplicitRnn<Element> model(std::uint64_t seed = 3, RecurrentShape shape = k_rnn_shape) {
    return ImplicitRnn<Element>(this->context(), shape, {.bias = true}, seed);
  }
};
TYPED_TEST_SUITE(RecurrentTrainerTest, AllCases, CaseNames);

TYPED_TEST(RecurrentTrainerTest, LearnsASumOverTheStepsAndKeepsTheConstraint) {
  auto model = this->model();
  TrainerOptions options = this->options("", 25);
  options.optimizer.learning_rate = 3e-2;
  std::vector<EpochMetrics> epochs;
  options.on_epoch = [&](const EpochMetrics& metrics) { epochs.push_back(metrics); };
  EXPECT_EQ(this->fit(model, options), TrainingEnd::finished);
  ASSERT_EQ(epochs.size(), 25U);
  EXPECT_LT(epochs.back().train_loss, 0.5 * epochs.front().train_loss);
  EXPECT_GT(epochs.back().train_accuracy, 0.85);
  EXPECT_EQ(epochs.back().step, 25 * 3);
  EXPECT_GT(epochs.back().forward_iterations, 0.0);
  EXPECT_EQ(epochs.back().not_converged, 0);
  const WellPosednessReport report =
      examine_well_posedness(this->context(), std::as_const(model).cell().A(), Activation{});
  EXPECT_LE(report.inf_norm, 0.95);
}

TYPED_TEST(RecurrentTrainerTest, AStepOfSgdIsTheGradientOfThePassInCellAndHead) {
  using T = typename TypeParam::Scalar;
  TrainerOptions options = this->options("", 1);
  options.batch_size = 40;
  options.shuffle = false;
  options.loss = LossKind::squared_error;
  options.optimizer = {.kind = OptimizerKind::sgd, .learning_rate = 0.25};
  this->train_ = with_sums(this->train_);
  this->test_ = with_sums(this->test_);
  // Without a constraint, whose projection would follow the step.
  ImplicitRnn<T> of_sum(this->context(), {.inputs = 2, .states = 7, .hidden = 5, .outputs = 1},
                        {.well_posedness = WellPosedness::none(), .bias = true}, 3);
  const auto start = of_sum.clone(this->context());
  this->fit(of_sum, options);

  RecurrentPass<T> pass(this->context(), start, 40, k_rnn_steps);
  std::vector<T> x(static_cast<std::size_t>(40 * this->train_.features()));
  std::vector<T> dY(40);
  const auto width = static_cast<std::size_t>(this->train_.features());
  for (std::size_t k = 0; k < 40; ++k)
    this->train_.template copy_sample<T>(static_cast<index_t>(k),
                                         std::span(x).subspan(k * width, width));
  upload<T>(this->context(), x, pass.x());
  EXPECT_TRUE(pass.forward().solves.all_converged());
  const std::vector<T> Y = this->fetch(pass.Y());
  for (std::size_t k = 0; k < 40; ++k) {
    T target = 0;
    this->train_.template copy_target<T>(static_cast<index_t>(k), std::span(&target, 1));
    dY[k] = T(2) * (Y[k] - target) / T(40);  // of the mean of (y − target)²
  }
  upload<T>(this->context(), dY, pass.dY());
  EXPECT_TRUE(pass.backward().all_converged());
  const std::vector<double> M = this->fetch_double(of_sum.cell().M());
  const std::vector<double> M_before = this->fetch_double(start.cell().M());
  const std::vector<double> dM = this->fetch_double(pass.dM());
  const std::vector<double> head = this->fetch_double(of_sum.head());
  const std::vector<double> head_before = this->fetch_double(start.head());
  const std::vector<double> d_head = this->fetch_double(pass.d_head());
  // What differs is the rounding of sums over 40·4 solves of a tolerance of 3e-6 each.
  for (std::size_t i = 0; i < M.size(); ++i)
    EXPECT_NEAR(M[i], M_before[i] - 0.25 * dM[i], 1e-4) << i;
  for (std::size_t i = 0; i < head.size(); ++i)
    EXPECT_NEAR(head[i], head_before[i] - 0.25 * d_head[i], 1e-4) << i;
}

TYPED_TEST(RecurrentTrainerTest, ResumingInsideAnEpochGivesTheBitsOfNotHavingStopped) {
  this->expect_the_bits_of_not_having_stopped(
      {1, 3, 7}, [&](std::uint64_t seed) { return this->model(seed); },
      [&](const std::string& folder, std::int64_t epochs) { return this->options(folder, epochs); },
      [&](const std::string& undisturbed, const std::string& resumed) {
        for (const char* name : {"last.safetensors", "best.safetensors"})
          EXPECT_EQ(this->content(undisturbed, name), this->content(resumed, name));
      });
}

TYPED_TEST(RecurrentTrainerTest, ACheckpointOfAnotherHiddenSizeIsNotResumed) {
  auto model = this->model();
  this->fit(model, this->options("run", 1));
  auto other = this->model(3, {.inputs = 2, .states = 7, .hidden = 6, .outputs = 3});
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([&] { this->fit(other, this->options("run", 2), true); }),
            {"hidden_size", "5", "6"}));
}

TYPED_TEST(RecurrentTrainerTest, EvaluationIsThatOfTheOutputsOfThePassForAnyNumberOfSteps) {
  using T = typename TypeParam::Scalar;
  auto model = this->model();
  this->fit(model, this->options("", 2));
  for (const index_t steps : {k_rnn_steps, index_t{2}}) {
    // The first steps of each sequence.
    std::vector<float> values;
    std::vector<T> x;
    for (index_t k = 0; k < this->test_.size(); ++k) {
      std::vector<float> sample(static_cast<std::size_t>(this->test_.features()));
      this->test_.template copy_sample<float>(k, sample);
      values.insert(values.end(), sample.begin(), sample.begin() + 2 * steps);
    }
    x.assign(values.begin(), values.end());
    const std::vector<std::int32_t> labels(this->test_.labels().begin(),
                                           this->test_.labels().end());
    const Dataset data = Dataset::from_values(values, labels, 2 * steps, 3);
    const Evaluation evaluation =
        evaluate(this->context(), model, data, LossKind::softmax_cross_entropy, 7);
    RecurrentPass<T> pass(this->context(), model, data.size(), steps, {.backward = false});
    upload<T>(this->context(), x, pass.x());
    EXPECT_TRUE(pass.forward().solves.all_converged());
    const std::vector<double> Y = this->fetch_double(pass.Y());
    double loss = 0;
    double correct = 0;
    for (std::size_t k = 0; k < labels.size(); ++k) {
      const double* y = &Y[3 * k];
      const auto label = static_cast<std::size_t>(labels[k]);
      loss += std::log(std::exp(y[0]) + std::exp(y[1]) + std::exp(y[2])) - y[label];
      correct += std::max_element(y, y + 3) == y + label ? 1.0 : 0.0;
    }
    EXPECT_NEAR(evaluation.loss, loss / 20, 1e-4);
    EXPECT_EQ(evaluation.accuracy, correct / 20);
    EXPECT_EQ(evaluation.samples, 20);
    EXPECT_EQ(evaluation.not_converged, 0);
  }
}

TYPED_TEST(RecurrentTrainerTest, ASequenceThatIsNotFiniteIsNamedAndSpoilsNoFile) {
  auto model = this->model();
  this->fit(model, this->options("run", 1));
  forget_digests(this->temporary_.path() / "run");
  const std::string before = read_text(this->temporary_.path() / "run" / "checkpoint.safetensors");
  std::vector<float> values;
  for (index_t k = 0; k < 40; ++k) {
    std::vector<float> sample(8);
    this->train_.template copy_sample<float>(k, sample);
    values.insert(values.end(), sample.begin(), sample.end());
  }
  values[8 * 13 + 5] = std::numeric_limits<float>::quiet_NaN();
  this->train_ = Dataset::from_values(
      values, std::vector<std::int32_t>(this->train_.labels().begin(), this->train_.labels().end()),
      8, 3);
  TrainerOptions options = this->options("run", 2);
  EXPECT_TRUE(holds(text_of<NotFinite>([&] { this->fit(model, options, true); }),
                    {"epoch 2", "sample 13 of the data", "its feature 5 is nan", "are untouched"}));
  EXPECT_EQ(before, read_text(this->temporary_.path() / "run" / "checkpoint.safetensors"));
  this->take_warnings();  // of the solves that diverged
}

TYPED_TEST(RecurrentTrainerTest, InputsAreScaledAlikeInAllStepsAndTheFileSaysHow) {
  auto model = this->model();
  this->train_.set_scaling({{1, 2, 1, 2, 1, 2, 1, 2}, {3, 4, 3, 4, 3, 4, 3, 4}});
  this->test_.set_scaling(this->train_.feature_scaling());
  this->fit(model, this->options("run", 1));
  const ModelDescription description =
      describe_model(this->temporary_.path() / "run" / "best.safetensors");
  EXPECT_EQ(description.data.feature_scaling, (Scaling{{1, 2}, {3, 4}}));
  ASSERT_TRUE(description.recurrent.has_value());
  EXPECT_EQ(*description.recurrent, k_rnn_shape);
  this->train_.set_scaling({{1, 2, 1, 2, 1, 5, 1, 2}, {3, 4, 3, 4, 3, 4, 3, 4}});
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { this->fit(model, this->options("", 1)); }),
                    {"input 1 is scaled differently in step 2"}));
}

TYPED_TEST(RecurrentTrainerTest, WhatLiesAfterTheEndOfASequenceChangesNoBit) {
  const auto with_ends = [](const Dataset& data, float after_the_end) {
    std::vector<float> values;
    std::vector<std::int32_t> lengths;
    for (index_t k = 0; k < data.size(); ++k) {
      std::vector<float> sample(8);
      data.copy_sample<float>(k, sample);
      lengths.push_back(static_cast<std::int32_t>(1 + k % k_rnn_steps));
      std::fill(sample.begin() + 2 * lengths.back(), sample.end(), after_the_end);
      values.insert(values.end(), sample.begin(), sample.end());
    }
    Dataset made = Dataset::from_values(
        values, std::vector<std::int32_t>(data.labels().begin(), data.labels().end()), 8, 3);
    made.set_lengths(lengths);
    return made;
  };
  const Dataset train = this->train_;
  const Dataset test = this->test_;
  std::vector<std::vector<typename TypeParam::Scalar>> results;
  std::vector<double> losses;
  for (const float after : {0.0F, 5.0F, std::numeric_limits<float>::quiet_NaN()}) {
    this->train_ = with_ends(train, after);
    this->test_ = with_ends(test, after);
    auto model = this->model();
    TrainerOptions options = this->options("", 2);
    options.on_epoch = [&](const EpochMetrics& metrics) { losses.push_back(metrics.test->loss); };
    this->fit(model, options);
    results.push_back(this->parameters(model));
  }
  EXPECT_TRUE(same_bits(results[0], results[1]));
  EXPECT_TRUE(same_bits(results[0], results[2]));
  EXPECT_EQ(losses[1], losses[3]);
  EXPECT_EQ(losses[1], losses[5]);
  auto whole = this->model();
  this->train_ = train;
  this->test_ = test;
  this->fit(whole, this->options("", 2));
  EXPECT_FALSE(same_bits(results[0], this->parameters(whole)));
}

TYPED_TEST(RecurrentTrainerTest, LengthsThatDoNotFitAreRefused) {
  using T = typename TypeParam::Scalar;
  Dataset data = this->train_.first(3);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] {
                      data.set_lengths({1, 2});
                    }),
                    {"2 lengths for 3 samples"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] {
                      data.set_lengths({1, 0, 2});
                    }),
                    {"length of sample 1 is 0"}));
  data.set_lengths({1, 4, 5});
  auto model = this->model();
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] {
                      evaluate(this->context(), model, data, LossKind::softmax_cross_entropy, 3);
                    }),
                    {"4 steps", "length of sample 2 is 5"}));
  ImplicitModel<T> plain(this->context(), {.states = 4, .inputs = 8, .outputs = 3});
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] {
                      evaluate(this->context(), plain, data, LossKind::softmax_cross_entropy, 3);
                    }),
                    {"without recurrence"}));
}

TYPED_TEST(RecurrentTrainerTest, WhatDoesNotFitIsRefused) {
  const auto refusal = [&](RecurrentShape shape, TrainerOptions options) {
    auto model = this->model(3, shape);
    return text_of<InvalidArgument>([&] { this->fit(model, std::move(options)); });
  };
  const TrainerOptions usual = this->options("", 1);
  EXPECT_TRUE(holds(refusal({.inputs = 3, .states = 7, .hidden = 5, .outputs = 3}, usual),
                    {"8 features", "3 inputs in each step"}));
  EXPECT_TRUE(holds(refusal({.inputs = 2, .states = 7, .hidden = 5}, usual), {"no head"}));
  EXPECT_TRUE(holds(refusal({.inputs = 2, .states = 7, .hidden = 5, .outputs = 2}, usual),
                    {"3 classes", "2 outputs"}));
  TrainerOptions pruned = this->options("", 3);
  pruned.pruning.density = 0.5;
  pruned.pruning.epochs = 1;
  EXPECT_TRUE(holds(refusal(k_rnn_shape, pruned), {"without recurrence"}));
}

}  // namespace
}  // namespace idl::test
