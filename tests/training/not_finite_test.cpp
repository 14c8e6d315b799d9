// SPDX-License-Identifier: MIT
// Numbers that are not finite end a training before anything of theirs is kept, and are never best.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "idl/trainer.hpp"
#include "tests/host/device_test.hpp"
#include "tests/io/files.hpp"
#include "tests/training/synthetic_data.hpp"

namespace idl::test {
namespace {

constexpr ModelShape k_shape{.states = 8, .inputs = 6, .outputs = 4};
constexpr float k_nan_value = std::numeric_limits<float>::quiet_NaN();

/// The data with one feature of one sample replaced.
Dataset with_feature(const Dataset& data, index_t sample, index_t feature, float value) {
  std::vector<float> values(static_cast<std::size_t>(data.size() * data.features()));
  for (index_t k = 0; k < data.size(); ++k)
    data.copy_sample<float>(k,
                            std::span(values).subspan(static_cast<std::size_t>(k * data.features()),
                                                      static_cast<std::size_t>(data.features())));
  values[static_cast<std::size_t>(sample * data.features() + feature)] = value;
  return Dataset::from_values(std::move(values), {data.labels().begin(), data.labels().end()},
                              data.features(), data.classes());
}

template <class C>
class NotFiniteTest : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;
  using Model = ImplicitModel<Element>;

 protected:
  // Two batches of ten an epoch.
  Dataset train_ = make_dataset(20, k_shape.inputs, k_shape.outputs, 1);
  Dataset test_ = make_dataset(12, k_shape.inputs, k_shape.outputs, 2);
  TemporaryFolder temporary_;

  Model model() { return Model(this->context(), k_shape, {}, 3); }
  std::filesystem::path folder() const { return temporary_ / "run"; }
  TrainerOptions options(std::int64_t epochs) const {
    TrainerOptions options;
    options.epochs = epochs;
    options.batch_size = 10;
    options.optimizer.learning_rate = 1e-2;
    options.folder = folder();
    return options;
  }
  /// Puts `value` into C and D of the model.
  void spoil(Model& model, double value) {
    std::vector<Element> M = this->fetch(std::as_const(model).M());
    const std::size_t rows = k_shape.states + k_shape.outputs;
    M[k_shape.states + 2 * rows] = static_cast<Element>(value);
    M[k_shape.states + (k_shape.states + 1) * rows] = static_cast<Element>(value);
    upload<Element>(this->context(), M, model.M());
  }
  std::vector<std::string> files() const {
    std::vector<std::string> contents;
    for (const char* name : {"best.safetensors", "last.safetensors", "checkpoint.safetensors"})
      contents.push_back(std::filesystem::exists(folder() / name) ? read_text(folder() / name)
                                                                  : "none");
    return contents;
  }
  bool is_finite(const Model& model) {
    const std::vector<Element> M = this->fetch(model.M());
    return std::all_of(M.begin(), M.end(), [](Element value) { return std::isfinite(value); });
  }
};
TYPED_TEST_SUITE(NotFiniteTest, AllCases, CaseNames);

TYPED_TEST(NotFiniteTest, ParametersAreNotSavedAndTheLastGoodCheckpointGoesOn) {
  using T = typename TypeParam::Scalar;
  auto undisturbed = this->model();
  Trainer<T>(this->context(), undisturbed, this->train_, &this->test_, this->options(3)).fit();
  const std::vector<std::string> expected = this->files();
  std::filesystem::remove_all(this->folder());

  for (const double value : {std::nan(""), HUGE_VAL}) {
    auto model = this->model();
    TrainerOptions options = this->options(3);
    std::vector<std::string> good;
    options.on_epoch = [&](const EpochMetrics&) { good = this->files(); };
    // Behind the last step of the second epoch: its loss was finite.
    options.on_step = [&](const StepMetrics& step) {
      if (step.step == 4) this->spoil(model, value);
    };
    Trainer<T> trainer(this->context(), model, this->train_, &this->test_, options);
    EXPECT_TRUE(holds(
        text_of<NotFinite>([&] { trainer.fit(); }),
        {"step 4", "epoch 2", "1 of 32 entries of C", "1 of 24 entries of D", "files of step 2"}));
    EXPECT_EQ(this->files(), good);

    auto resumed = this->model();
    Trainer<T> again(this->context(), resumed, this->train_, &this->test_, this->options(3));
    again.resume();
    EXPECT_EQ(again.fit(), TrainingEnd::finished);
    // The checkpoint also tells the length of the metrics, which hold times.
    EXPECT_EQ(this->files()[0], expected[0]);
    EXPECT_EQ(this->files()[1], expected[1]);
    std::filesystem::remove_all(this->folder());
  }
}

TYPED_TEST(NotFiniteTest, ParametersAreNotSavedOnAStopOrBetweenEpochsEither) {
  using T = typename TypeParam::Scalar;
  for (const bool stops : {false, true}) {
    auto model = this->model();
    TrainerOptions options = this->options(2);
    options.checkpoint_interval = stops ? 0 : 1;
    bool spoiled = false;
    options.on_step = [&](const StepMetrics&) {
      this->spoil(model, std::nan(""));
      spoiled = true;
    };
    // Asked before each step; figures come one step late, but before a checkpoint.
    options.stop_requested = [&] { return stops && spoiled; };
    options.batch_size = 4;
    Trainer<T> trainer(this->context(), model, this->train_, nullptr, options);
    // Whichever is met first, the parameters or a loss that comes of them.
    EXPECT_TRUE(holds(text_of<NotFinite>([&] { trainer.fit(); }), {"not finite", "no checkpoint"}));
    this->take_warnings();
    EXPECT_EQ(this->files(), std::vector<std::string>(3, "none"));
  }
}

TYPED_TEST(NotFiniteTest, GradientsWhoseSquaresOverflowAreLeftOutAndTold) {
  using T = typename TypeParam::Scalar;
  if constexpr (std::is_same_v<T, float>) {
    // A gradient of about 1e24, whose square is too large for a float.
    const Dataset huge = with_feature(this->train_, 3, 1, 1e25F);
    auto model = this->model();
    TrainerOptions options = this->options(1);
    options.solver = {.sweep = Sweep::jacobi, .acceleration = Acceleration::none};
    Trainer<T> trainer(this->context(), model, huge, nullptr, options);
    EXPECT_TRUE(holds(
        text_of<NotFinite>([&] { trainer.fit(); }),
        {"epoch 1", "entries of gradients or their squares, which were left out", "not finite"}));
    this->take_warnings();
    EXPECT_TRUE(this->is_finite(model));
    EXPECT_EQ(this->files(), std::vector<std::string>(3, "none"));
  }
}

TYPED_TEST(NotFiniteTest, OneSampleIsNamedAndGetsNowhere) {
  using T = typename TypeParam::Scalar;
  for (const LossKind loss : {LossKind::softmax_cross_entropy, LossKind::squared_error})
    for (const OptimizerKind kind : {OptimizerKind::adam, OptimizerKind::sgd}) {
      auto model = this->model();
      TrainerOptions options = this->options(1);
      options.loss = loss;
      options.optimizer.kind = kind;
      Trainer<T>(this->context(), model, this->train_, nullptr, options).fit();
      forget_digests(this->folder());
      const std::vector<std::string> good = this->files();
      const Dataset spoiled = with_feature(this->train_, 17, 4, k_nan_value);
      options.epochs = 3;
      Trainer<T> trainer(this->context(), model, spoiled, nullptr, options);
      trainer.resume();
      EXPECT_TRUE(holds(text_of<NotFinite>([&] { trainer.fit(); }),
                        {"epoch 2", "the loss of 1 of 10 samples is not finite",
                         "sample 17 of the data", "its feature 4 is nan", "files of step 2"}));
      this->take_warnings();
      EXPECT_TRUE(this->is_finite(model));
      EXPECT_EQ(this->files(), good);
      std::filesystem::remove_all(this->folder());
    }
}

TYPED_TEST(NotFiniteTest, DataAreBlamedForWhatTheyAreAndNotTheLearningRate) {
  using T = typename TypeParam::Scalar;
  auto model = this->model();
  TrainerOptions options = this->options(1);
  const Dataset spoiled = with_feature(this->train_, 17, 4, k_nan_value);
  const std::string text = text_of<NotFinite>(
      [&] { Trainer<T>(this->context(), model, spoiled, nullptr, options).fit(); });
  EXPECT_TRUE(holds(text, {"its feature 4 is nan"}));
  EXPECT_EQ(text.find("learning rate"), std::string::npos) << text;
  this->take_warnings();
}

TYPED_TEST(NotFiniteTest, TestLossIsNeverBestAndIsWrittenAsNull) {
  using T = typename TypeParam::Scalar;
  const Dataset spoiled = with_feature(this->test_, 5, 0, k_nan_value);
  auto model = this->model();
  TrainerOptions options = this->options(2);
  std::vector<EpochMetrics> epochs;
  options.on_epoch = [&](const EpochMetrics& metrics) { epochs.push_back(metrics); };
  Trainer<T>(this->context(), model, this->train_, &spoiled, options).fit();
  bool told = false;
  for (const std::string& text : this->take_warnings())
    told = told || text.find(
                       "the loss of 1 of 12 test samples is not finite, the first of them "
                       "sample 5") != std::string::npos;
  EXPECT_TRUE(told);
  ASSERT_EQ(epochs.size(), 2U);
  for (const EpochMetrics& metrics : epochs) {
    EXPECT_FALSE(metrics.best);
    EXPECT_FALSE(std::isfinite(metrics.test->loss));
  }
  EXPECT_FALSE(std::filesystem::exists(this->folder() / "best.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(this->folder() / "last.safetensors"));
  std::istringstream lines(read_text(this->folder() / "metrics.jsonl"));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const nlohmann::json json = nlohmann::json::parse(line);
    EXPECT_TRUE(json["test_loss"].is_null());
    EXPECT_FALSE(json["best"].get<bool>());
  }
  EXPECT_EQ(count, 2);
}

TYPED_TEST(NotFiniteTest, EvaluationCountsSamplesAsWrongAndTellsTheFirst) {
  const auto model = this->model();
  const Evaluation clean =
      evaluate(this->context(), model, this->test_, LossKind::softmax_cross_entropy, 5);
  // The whole test set with labels of class 0, all but one sample NaN.
  std::vector<float> values(static_cast<std::size_t>(12 * k_shape.inputs), k_nan_value);
  std::fill_n(values.begin(), k_shape.inputs, 0.5F);
  const Dataset spoiled = Dataset::from_values(std::move(values), std::vector<std::int32_t>(12, 0),
                                               k_shape.inputs, k_shape.outputs);
  const Evaluation evaluation =
      evaluate(this->context(), model, spoiled, LossKind::softmax_cross_entropy, 5);
  this->take_warnings();
  EXPECT_EQ(clean.not_finite, 0);
  EXPECT_EQ(clean.first_not_finite, -1);
  EXPECT_EQ(clean.first_not_converged, -1);
  EXPECT_EQ(evaluation.not_finite, 11);
  EXPECT_EQ(evaluation.first_not_finite, 1);
  EXPECT_EQ(evaluation.not_converged, 11);
  EXPECT_EQ(evaluation.first_not_converged, 1);
  EXPECT_LE(evaluation.accuracy, 1.0 / 12.0);
  EXPECT_TRUE(std::isnan(evaluation.loss));
  const Dataset late = with_feature(this->test_, 11, 2, k_nan_value);
  EXPECT_EQ(
      evaluate(this->context(), model, late, LossKind::softmax_cross_entropy, 5).first_not_finite,
      11);
  this->take_warnings();
}

TYPED_TEST(NotFiniteTest, GradientsAreLeftOutByTheOptimizerWhichTells) {
  using T = typename TypeParam::Scalar;
  for (const OptimizerKind kind : {OptimizerKind::adam, OptimizerKind::adamw, OptimizerKind::sgd}) {
    auto model = this->model();
    Optimizer<T> optimizer(this->context(), model, {.kind = kind, .learning_rate = 0.1});
    const ConstMatrixView<T> M = std::as_const(model).M();
    std::vector<T> nan(static_cast<std::size_t>(M.rows * M.cols), T(k_nan_value));
    const auto all = Matrix<T>::from_host(this->context(), M.rows, M.cols, nan);
    EXPECT_FALSE(optimizer.take_left_out(this->context()));
    const std::vector<T> before = this->fetch(M);
    optimizer.step(this->context(), model, all.view());
    EXPECT_TRUE(same_bits(this->fetch(M), before));
    EXPECT_TRUE(optimizer.take_left_out(this->context()));
    EXPECT_FALSE(optimizer.take_left_out(this->context())) << "told once";
    const auto zero = Matrix<T>::zeros(this->context(), M.rows, M.cols);
    optimizer.step(this->context(), model, zero.view());
    EXPECT_FALSE(optimizer.take_left_out(this->context()));
  }
}

TYPED_TEST(NotFiniteTest, ModelIsNotWrittenOverAGoodOne) {
  auto model = this->model();
  const auto path = this->temporary_ / "model.safetensors";
  save_model(this->context(), model, path);
  const std::string good = read_text(path);
  this->spoil(model, -HUGE_VAL);
  EXPECT_TRUE(holds(text_of<NotFinite>([&] { save_model(this->context(), model, path); }),
                    {path.string(), "1 of 32 entries of C, 1 of 24 entries of D"}));
  EXPECT_EQ(read_text(path), good);
  EXPECT_EQ(this->temporary_.count(), 1) << "a temporary file is left";
}

}  // namespace
}  // namespace idl::test
