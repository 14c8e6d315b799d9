// SPDX-License-Identifier: MIT
#include "idl/trainer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "tests/training/synthetic_data.hpp"
#include "tests/training/trainer_fixture.hpp"

namespace idl::test {
namespace {

constexpr ModelShape k_shape{.states = 20, .inputs = 12, .outputs = 4};

template <class C>
class TrainerTest : public TrainerFixture<C, ImplicitModel> {
 protected:
  using Element = typename C::Scalar;

  // 130 samples in batches of 32: the last batch of an epoch has two.
  TrainerTest()
      : TrainerFixture<C, ImplicitModel>(make_dataset(130, k_shape.inputs, k_shape.outputs, 1),
                                         make_dataset(50, k_shape.inputs, k_shape.outputs, 2)) {}

  TrainerOptions options(const std::string& folder, std::int64_t epochs) const {
    TrainerOptions options;
    options.epochs = epochs;
    options.batch_size = 32;
    options.optimizer.learning_rate = 1e-2;
    if (!folder.empty()) options.folder = this->temporary_.path() / folder;
    return options;
  }
  ImplicitModel<Element> model(std::uint64_t seed = 3) {
    return ImplicitModel<Element>(this->context(), k_shape, {}, seed);
  }
};
TYPED_TEST_SUITE(TrainerTest, AllCases, CaseNames);

TYPED_TEST(TrainerTest, LossFallsAndAccuracyRises) {
  auto model = this->model();
  TrainerOptions options = this->options("", 12);
  std::vector<EpochMetrics> epochs;
  options.on_epoch = [&](const EpochMetrics& metrics) { epochs.push_back(metrics); };
  EXPECT_EQ(this->fit(model, options), TrainingEnd::finished);
  ASSERT_EQ(epochs.size(), 12U);
  EXPECT_LT(epochs.back().train_loss, 0.5 * epochs.front().train_loss);
  EXPECT_GT(epochs.back().test->accuracy, 0.9);
  EXPECT_EQ(epochs.back().step, 12 * 5);
}

TYPED_TEST(TrainerTest, SmallerLastBatchOfAnEpochIsTrainedToo) {
  auto model = this->model();
  TrainerOptions options = this->options("", 2);
  std::vector<std::int64_t> steps;
  options.on_step = [&](const StepMetrics& metrics) { steps.push_back(metrics.step); };
  this->fit(model, options);
  EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TYPED_TEST(TrainerTest, SameSeedGivesTheSameBitsAndAnotherSeedOthers) {
  auto first = this->model();
  auto second = this->model();
  auto other = this->model();
  this->fit(first, this->options("", 2));
  this->fit(second, this->options("", 2));
  TrainerOptions shuffled = this->options("", 2);
  shuffled.seed = 1;
  this->fit(other, shuffled);
  EXPECT_TRUE(same_bits(this->parameters(first), this->parameters(second)));
  EXPECT_FALSE(same_bits(this->parameters(first), this->parameters(other)));
}

TYPED_TEST(TrainerTest, ConstraintHoldsAfterTraining) {
  auto model = this->model();
  this->fit(model, this->options("", 4));
  const WellPosednessReport report =
      examine_well_posedness(this->context(), std::as_const(model).A(), Activation{});
  EXPECT_LE(report.inf_norm, 0.95);
  EXPECT_GT(report.inf_norm, 0.0);
}

TYPED_TEST(TrainerTest, ResumingAfterAWholeEpochGivesTheBitsOfNotHavingStopped) {
  auto undisturbed = this->model();
  this->fit(undisturbed, this->options("undisturbed", 4));
  auto begun = this->model();
  this->fit(begun, this->options("resumed", 2));
  auto resumed = this->model(99);  // its parameters come from the checkpoint
  this->fit(resumed, this->options("resumed", 4), true);
  EXPECT_TRUE(same_bits(this->parameters(undisturbed), this->parameters(resumed)));
  const auto a = this->temporary_.path() / "undisturbed";
  const auto b = this->temporary_.path() / "resumed";
  EXPECT_EQ(this->metrics("undisturbed"), this->metrics("resumed"));
  EXPECT_EQ(read_text(a / "best.safetensors"), read_text(b / "best.safetensors"));
  EXPECT_EQ(read_text(a / "last.safetensors"), read_text(b / "last.safetensors"));
}

TYPED_TEST(TrainerTest, PruningAndProximalStepsGoOnWithTheBitsOfNotHavingStopped) {
  const auto pruned = [&](const std::string& folder) {
    TrainerOptions options = this->options(folder, 4);
    options.pruning = {.density = 0.3, .epochs = 2, .interval = 3};
    options.optimizer.prox = 0.1;
    return options;
  };
  auto undisturbed = this->model();
  this->fit(undisturbed, pruned("undisturbed"));
  EXPECT_TRUE(undisturbed.is_sparse("A"));
  EXPECT_TRUE(undisturbed.is_sparse("D"));
  // Before the first choice of entries, at one, between two, after the last.
  for (const int stop_after : {2, 3, 7, 10, 15}) {
    const std::string folder = "stopped_" + std::to_string(stop_after);
    auto stopped = this->model();
    TrainerOptions until = pruned(folder);
    int asked = 0;
    until.stop_requested = [&] { return asked++ == stop_after; };
    ASSERT_EQ(this->fit(stopped, until), TrainingEnd::stopped);
    auto resumed = this->model(99);
    ASSERT_EQ(this->fit(resumed, pruned(folder), true), TrainingEnd::finished);
    EXPECT_EQ(resumed.layout(), undisturbed.layout());
    EXPECT_TRUE(same_bits(this->parameters(undisturbed), this->parameters(resumed)))
        << "stopped after " << stop_after << " steps";
    EXPECT_EQ(read_text(this->temporary_.path() / "undisturbed" / "last.safetensors"),
              read_text(this->temporary_.path() / folder / "last.safetensors"));
  }
}

TYPED_TEST(TrainerTest, PruningEndsAtItsDensityAndThePatternStays) {
  auto model = this->model();
  TrainerOptions options = this->options("", 3);
  options.pruning = {.density = 0.25, .epochs = 1, .interval = 2};
  std::vector<index_t> stored;
  options.on_step = [&](const StepMetrics&) { stored.push_back(model.M().rows); };
  this->fit(model, options);
  const ModelShape& shape = model.shape();
  const auto quarter = [](index_t rows, index_t cols) {
    return static_cast<index_t>(std::llround(0.25 * static_cast<double>(rows * cols)));
  };
  EXPECT_EQ(model.csr("A").nnz, quarter(shape.states, shape.states));
  EXPECT_EQ(model.csr("B").nnz, quarter(shape.states, shape.inputs));
  EXPECT_EQ(stored.back(), model.M().rows);
  const auto report = examine_well_posedness(this->context(), model.csr("A"), Activation{});
  EXPECT_LE(report.inf_norm, 0.95);
  auto dense = this->model();
  TrainerOptions too_long = this->options("", 2);
  too_long.pruning = {.density = 0.5, .epochs = 2};
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { this->fit(dense, too_long); }),
                    {"pruning takes 2 epochs of 2"}));
}

TYPED_TEST(TrainerTest, ProximalStepsMakeEntriesOfAZeroAndKeepTheConstraint) {
  auto model = this->model();
  TrainerOptions options = this->options("", 4);
  options.optimizer.prox = 1.0;
  this->fit(model, options);
  const auto A = this->fetch_double(std::as_const(model).A());
  const auto zeros = std::ranges::count(A, 0.0);
  EXPECT_GT(zeros, static_cast<std::ptrdiff_t>(A.size()) / 4);
  EXPECT_LT(zeros, static_cast<std::ptrdiff_t>(A.size()));
  const auto report =
      examine_well_posedness(this->context(), std::as_const(model).A(), Activation{});
  EXPECT_LE(report.inf_norm, 0.95);
}

TYPED_TEST(TrainerTest, ResumingInsideAnEpochGivesTheBitsOfNotHavingStopped) {
  this->expect_the_bits_of_not_having_stopped(
      {0, 1, 4, 5, 8, 13}, [&](std::uint64_t seed) { return this->model(seed); },
      [&](const std::string& folder, std::int64_t epochs) { return this->options(folder, epochs); },
      [&](const std::string& undisturbed, const std::string& resumed) {
        EXPECT_EQ(this->metrics(undisturbed), this->metrics(resumed));
      });
}

TYPED_TEST(TrainerTest, CheckpointIntervalDoesNotChangeTheResult) {
  auto plain = this->model();
  this->fit(plain, this->options("", 2));
  auto careful = this->model();
  TrainerOptions options = this->options("careful", 2);
  options.checkpoint_interval = 2;
  this->fit(careful, options);
  EXPECT_TRUE(same_bits(this->parameters(plain), this->parameters(careful)));
}

TYPED_TEST(TrainerTest, CheckpointIsAModelFileToo) {
  using T = typename TypeParam::Scalar;
  auto model = this->model();
  this->fit(model, this->options("run", 1));
  const auto loaded =
      load_model<T>(this->context(), this->temporary_.path() / "run" / "checkpoint.safetensors");
  EXPECT_TRUE(same_bits(this->parameters(model), this->parameters(loaded)));
}

TYPED_TEST(TrainerTest, LossThatIsNotFiniteEndsTheTrainingAndLeavesTheFilesAlone) {
  using T = typename TypeParam::Scalar;
  auto model = this->model();
  // A function, since a table that has become another one is not resumed with.
  bool spoiled = false;
  const Dataset data = Dataset::from_function<float>(
      [this, &spoiled](index_t k, std::span<float> column) {
        this->train_.copy_sample(k, column);
        if (spoiled && k == 3) column[4] = std::numeric_limits<float>::quiet_NaN();
      },
      Dataset::Labels{{this->train_.labels().begin(), this->train_.labels().end()},
                      k_shape.outputs},
      k_shape.inputs);
  Trainer<T>(this->context(), model, data, nullptr, this->options("run", 1)).fit();
  const auto folder = this->temporary_.path() / "run";
  const std::string last = read_text(folder / "last.safetensors");
  const std::string checkpoint = read_text(folder / "checkpoint.safetensors");

  spoiled = true;
  Trainer<T> trainer(this->context(), model, data, nullptr, this->options("run", 3));
  trainer.resume();
  const std::string text = text_of<Error>([&] { trainer.fit(); });
  EXPECT_TRUE(holds(text, {"not finite", "step"}));
  this->take_warnings();
  EXPECT_EQ(read_text(folder / "last.safetensors"), last);
  EXPECT_EQ(read_text(folder / "checkpoint.safetensors"), checkpoint);
}

TYPED_TEST(TrainerTest, ResumingWithOtherNumbersInTheDataIsRefused) {
  using T = typename TypeParam::Scalar;
  std::vector<float> features(static_cast<std::size_t>(30 * k_shape.inputs), 0.5F);
  std::vector<std::int32_t> labels(30, 1);
  const auto data = [&] {
    return Dataset::from_values(features, labels, k_shape.inputs, k_shape.outputs);
  };
  const auto train = [&](const Dataset& samples, const Dataset* test, std::int64_t epochs) {
    auto model = this->model();
    Trainer<T> trainer(this->context(), model, samples, test, this->options("run", epochs));
    if (epochs > 1) trainer.resume();
    trainer.fit();
  };
  const auto refused = [&] {
    return holds(text_of<InvalidArgument>([&] { train(data(), nullptr, 2); }),
                 {"checkpoint.safetensors", "resumed with other data", "CRC-32 of the training"});
  };
  const Dataset test = data();
  train(data(), &test, 1);
  features[17] = std::nextafter(0.5F, 1.0F);
  EXPECT_TRUE(refused());
  features[17] = 0.5F;
  labels[29] = 0;
  EXPECT_TRUE(refused());
  labels[29] = 1;
  EXPECT_TRUE(this->take_warnings().empty());
  // Other test data change no parameter: they are told of.
  features[0] = -0.5F;
  const Dataset other_test = data();
  features[0] = 0.5F;
  train(data(), &other_test, 2);
  const std::vector<std::string> warnings = this->take_warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(holds(warnings[0], {"CRC-32 of the test data was", "and is"}));
  train(data(), nullptr, 3);
  const std::vector<std::string> untested = this->take_warnings();
  ASSERT_EQ(untested.size(), 1U);
  EXPECT_TRUE(holds(untested[0], {"no test set any more", "decided anew"}));
  forget_digests(this->temporary_.path() / "run");
  features[17] = 0.25F;
  train(data(), nullptr, 4);
}

TYPED_TEST(TrainerTest, ResumingWithOtherSettingsIsRefusedAndNamesThem) {
  auto model = this->model();
  this->fit(model, this->options("run", 1));
  TrainerOptions other = this->options("run", 2);
  other.optimizer.learning_rate = 0.5;
  other.seed = 8;
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { this->fit(model, other, true); }),
                    {"learning_rate was 0.01 and is 0.5", "seed was 0 and is 8"}));
}

TYPED_TEST(TrainerTest, DamagedOrMissingCheckpointIsAnIoError) {
  using T = typename TypeParam::Scalar;
  auto model = this->model();
  EXPECT_THROW(this->fit(model, this->options("nowhere", 1), true), IoError);
  this->fit(model, this->options("run", 1));
  const auto file = this->temporary_.path() / "run" / "checkpoint.safetensors";
  io::Safetensors damaged = io::read_safetensors(file);
  io::Array& moment = damaged.tensors.at("second_moment.B");
  moment = io::Array::from<T>(moment.shape, std::vector<T>(moment.bytes.size() / sizeof(T), T{-1}));
  io::write_safetensors(file, damaged);
  EXPECT_TRUE(holds(text_of<IoError>([&] { this->fit(model, this->options("run", 2), true); }),
                    {"checkpoint.safetensors", "second moment", "is -1"}));
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  EXPECT_THROW(this->fit(model, this->options("run", 2), true), IoError);
  const auto last = this->temporary_.path() / "run" / "last.safetensors";
  std::filesystem::copy_file(last, file, std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(holds(text_of<IoError>([&] { this->fit(model, this->options("run", 2), true); }),
                    {"no checkpoint"}));
}

TYPED_TEST(TrainerTest, SquaredErrorAndSgdWithMomentumTrainToo) {
  auto model = this->model();
  TrainerOptions options = this->options("", 15);
  options.loss = LossKind::squared_error;
  options.optimizer = {.kind = OptimizerKind::sgd, .learning_rate = 0.05, .momentum = 0.9};
  std::vector<EpochMetrics> epochs;
  options.on_epoch = [&](const EpochMetrics& metrics) { epochs.push_back(metrics); };
  this->fit(model, options);
  EXPECT_LT(epochs.back().train_loss, 0.5 * epochs.front().train_loss);
  EXPECT_GT(epochs.back().test->accuracy, 0.8);
}

TYPED_TEST(TrainerTest, LearningRateFollowsTheSchedule) {
  auto model = this->model();
  TrainerOptions options = this->options("", 4);
  options.schedule = {.kind = ScheduleKind::step, .period = 2, .gamma = 0.1};
  std::vector<double> rates;
  options.on_epoch = [&](const EpochMetrics& metrics) { rates.push_back(metrics.learning_rate); };
  this->fit(model, options);
  ASSERT_EQ(rates.size(), 4U);
  EXPECT_DOUBLE_EQ(rates[1], 1e-2);
  EXPECT_DOUBLE_EQ(rates[2], 1e-3);
}

TYPED_TEST(TrainerTest, ABatchOfAnySizeTakesAllSamplesAtOnce) {
  auto model = this->model();
  TrainerOptions options = this->options("run", 2);
  options.batch_size = std::numeric_limits<index_t>::max();
  std::vector<std::int64_t> steps;
  options.on_epoch = [&](const EpochMetrics& metrics) { steps.push_back(metrics.step); };
  this->fit(model, options);
  options.epochs = 3;
  this->fit(model, options, true);
  EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 2, 3}));
}

TYPED_TEST(TrainerTest, MoreStepsThanCanBeCountedAreRefused) {
  auto model = this->model();
  TrainerOptions options = this->options("", std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { this->fit(model, options); }),
                    {"epochs is 9223372036854775807", "5 batches"}));
}

TYPED_TEST(TrainerTest, DataThatDoNotFitTheModelAreRefused) {
  using T = typename TypeParam::Scalar;
  auto model = this->model();
  const Dataset wide = make_dataset(10, 13, 4, 1);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] {
                      Trainer<T>(this->context(), model, wide, nullptr, this->options("", 1));
                    }),
                    {"13 features", "12 inputs"}));
}

TYPED_TEST(TrainerTest, EvaluationEqualsANaiveOneInDouble) {
  auto model = this->model();
  this->fit(model, this->options("", 3));
  const Evaluation evaluation =
      evaluate(this->context(), model, this->test_, LossKind::softmax_cross_entropy, 16);
  const auto n = static_cast<std::size_t>(k_shape.states);
  const auto p = static_cast<std::size_t>(k_shape.inputs);
  const auto q = static_cast<std::size_t>(k_shape.outputs);
  const std::vector<double> M = this->fetch_double(std::as_const(model).M());
  const auto at = [&](std::size_t i, std::size_t j) { return M[i + j * (n + q)]; };
  double loss = 0.0;
  int correct = 0;
  for (index_t k = 0; k < this->test_.size(); ++k) {
    std::vector<double> u(p);
    this->test_.template copy_sample<double>(k, u);
    std::vector<double> x(n, 0.0);
    for (int iteration = 0; iteration < 1000; ++iteration) {
      std::vector<double> next(n, 0.0);
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) next[i] += at(i, j) * x[j];
        for (std::size_t j = 0; j < p; ++j) next[i] += at(i, n + j) * u[j];
        next[i] = std::max(next[i], 0.0);
      }
      x = next;
    }
    std::vector<double> y(q, 0.0);
    double sum = 0.0;
    for (std::size_t i = 0; i < q; ++i) {
      for (std::size_t j = 0; j < n; ++j) y[i] += at(n + i, j) * x[j];
      for (std::size_t j = 0; j < p; ++j) y[i] += at(n + i, n + j) * u[j];
      sum += std::exp(y[i]);
    }
    const auto label = static_cast<std::size_t>(this->test_.labels()[static_cast<std::size_t>(k)]);
    loss += std::log(sum) - y[label];
    const auto best = std::max_element(y.begin(), y.end()) - y.begin();
    correct += static_cast<std::size_t>(best) == label ? 1 : 0;
  }
  // Both solves stop at a step of 3e-6, which leaves an error of at most 20 times that in X.
  EXPECT_NEAR(evaluation.loss, loss / 50.0, 1e-3);
  EXPECT_DOUBLE_EQ(evaluation.accuracy, correct / 50.0);
  EXPECT_EQ(evaluation.samples, 50);
  EXPECT_EQ(evaluation.not_converged, 0);
}

}  // namespace
}  // namespace idl::test
