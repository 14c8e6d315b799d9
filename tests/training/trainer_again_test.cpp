// SPDX-License-Identifier: MIT
// A trainer that goes on after an error, a stop or a resumption of its own.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "idl/sparsify.hpp"
#include "tests/training/synthetic_data.hpp"
#include "tests/training/trainer_fixture.hpp"

namespace idl::test {
namespace {

constexpr ModelShape k_shape{.states = 10, .inputs = 6, .outputs = 3};

template <class C>
class TrainerAgain : public TrainerFixture<C, ImplicitModel> {
 protected:
  using Element = typename C::Scalar;

  // 70 samples in batches of 16: five steps an epoch, the last of which has six samples.
  TrainerAgain()
      : TrainerFixture<C, ImplicitModel>(make_dataset(70, k_shape.inputs, k_shape.outputs, 1),
                                         make_dataset(20, k_shape.inputs, k_shape.outputs, 2)) {}

  TrainerOptions options(const char* folder) const {
    TrainerOptions options;
    options.epochs = 3;
    options.batch_size = 16;
    options.optimizer.learning_rate = 1e-2;
    options.checkpoint_interval = 4;
    options.folder = this->temporary_.path() / folder;
    return options;
  }
  /// Stopped in the second epoch, where `stops` is set.
  TrainerOptions stopping(const char* folder, bool& stops) const {
    TrainerOptions options = this->options(folder);
    options.on_step = [&stops](const StepMetrics& step) {
      stops = step.step == 6 || (stops && step.step == 7);
    };
    options.stop_requested = [&stops] { return stops; };
    return options;
  }
  TrainerOptions pruned(const char* folder) const {
    TrainerOptions options = this->options(folder);
    options.pruning = {.density = 0.4, .epochs = 2, .interval = 3};
    return options;
  }
  ImplicitModel<Element> model(ModelOptions options = {}) {
    return ImplicitModel<Element>(this->context(), k_shape, options, 3);
  }
  std::vector<Element> trained_without_disturbance(const TrainerOptions& options) {
    auto model = this->model();
    this->fit(model, options);
    return this->fetch(model.M());
  }
  /// The samples of train_, by a function that calls before(index) and after(column).
  template <class Before, class After>
  Dataset read_by(const Before& before, const After& after) {
    return Dataset::from_function<Element>(
        [this, before, after](index_t index, std::span<Element> column) {
          before(index);
          this->train_.template copy_sample<Element>(index, column);
          after(column);
        },
        Dataset::Labels{{this->train_.labels().begin(), this->train_.labels().end()},
                        this->train_.classes()},
        this->train_.features());
  }
};
TYPED_TEST_SUITE(TrainerAgain, AllCases, CaseNames);

// The checkpoint is of before the model was pruned, or of after it.
TYPED_TEST(TrainerAgain, ResumesAfterItsModelWasPruned) {
  using T = typename TypeParam::Scalar;
  const auto expected = this->trained_without_disturbance(this->pruned("undisturbed"));
  for (const int stop_after : {6, 11}) {
    SCOPED_TRACE(stop_after);
    auto model = this->model();
    TrainerOptions options = this->pruned(stop_after == 6 ? "early" : "late");
    int steps = 0;
    options.on_step = [&](const StepMetrics&) {
      if (++steps == stop_after) throw std::runtime_error("disturbed");
    };
    Trainer<T> trainer(this->context(), model, this->train_, &this->test_, options);
    EXPECT_THROW(trainer.fit(), std::runtime_error);
    trainer.resume();
    EXPECT_EQ(trainer.fit(), TrainingEnd::finished);
    EXPECT_TRUE(same_bits(this->fetch(model.M()), expected));
  }
}

TYPED_TEST(TrainerAgain, ForgetsAStepThatWasUnderWayWhenItResumes) {
  using T = typename TypeParam::Scalar;
  const auto expected = this->trained_without_disturbance(this->options("undisturbed"));
  std::atomic<int> read = 0;
  const Dataset data = this->read_by(
      [&](index_t) {
        if (++read == 130) throw std::runtime_error("disturbed");
      },
      [](std::span<T>) {});
  auto model = this->model();
  TrainerOptions options = this->options("disturbed");
  Trainer<T> trainer(this->context(), model, data, &this->test_, options);
  EXPECT_THROW(trainer.fit(), std::runtime_error);
  trainer.resume();
  EXPECT_EQ(trainer.fit(), TrainingEnd::finished);
  EXPECT_TRUE(same_bits(this->fetch(model.M()), expected));
  // Nothing of the step that was dropped is counted twice.
  EXPECT_EQ(this->metrics("disturbed"), this->metrics("undisturbed"));
}

TYPED_TEST(TrainerAgain, ForgetsAGradientThatWasLeftOutWhenItResumes) {
  using T = typename TypeParam::Scalar;
  const auto expected = this->trained_without_disturbance(this->options("undisturbed"));
  // From the third epoch on, when the checkpoint of the second is there.
  std::atomic<int> left = 2 * 70;
  const Dataset spoilt = this->read_by([](index_t) {},
                                       [&](std::span<T> column) {
                                         if (--left < 0)
                                           column[0] = std::numeric_limits<T>::quiet_NaN();
                                       });
  auto model = this->model();
  Trainer<T> trainer(this->context(), model, spoilt, &this->test_, this->options("spoilt"));
  EXPECT_THROW(trainer.fit(), NotFinite);
  this->take_warnings();
  left = std::numeric_limits<int>::max();
  trainer.resume();
  EXPECT_EQ(trainer.fit(), TrainingEnd::finished);
  EXPECT_TRUE(same_bits(this->fetch(model.M()), expected));
}

TYPED_TEST(TrainerAgain, GoesOnWhereALossHasThrown) {
  using T = typename TypeParam::Scalar;
  const auto options_with = [&](const char* folder, int throws_at) {
    TrainerOptions options = this->options(folder);
    auto calls = std::make_shared<int>(0);
    options.custom_loss = on_host<T>([calls, throws_at](const LossBatch<T>& batch) {
      if (++*calls == throws_at) throw std::runtime_error("disturbed");
      for (index_t j = 0; j < batch.Y.cols; ++j) {
        batch.losses.data[j] = 0;
        for (index_t i = 0; i < batch.Y.rows; ++i) {
          const T y = batch.Y.data[i + j * batch.Y.ld];
          const T wanted = i == batch.labels.data[j] ? T(1) : T(0);
          batch.losses.data[j] += (y - wanted) * (y - wanted) / T(2);
          batch.dY.data[i + j * batch.dY.ld] = (y - wanted) / static_cast<T>(batch.Y.cols);
        }
      }
    });
    return options;
  };
  auto undisturbed = this->model();
  this->fit(undisturbed, options_with("undisturbed", 0));
  auto model = this->model();
  Trainer<T> trainer(this->context(), model, this->train_, &this->test_,
                     options_with("disturbed", 3));
  EXPECT_THROW(trainer.fit(), std::runtime_error);
  EXPECT_EQ(trainer.fit(), TrainingEnd::finished);
  EXPECT_TRUE(same_bits(this->fetch(model.M()), this->fetch(undisturbed.M())));
}

TYPED_TEST(TrainerAgain, TellsOfEveryStepWhereACallbackHasThrown) {
  using T = typename TypeParam::Scalar;
  struct Told {
    std::vector<std::int64_t> steps;
    std::vector<double> losses;
  };
  const auto train = [&](const char* folder, std::int64_t throws_at) {
    Told told;
    TrainerOptions options = this->options(folder);
    options.on_step = [&](const StepMetrics& step) {
      told.steps.push_back(step.step);
      if (step.step == throws_at) throw std::runtime_error("disturbed");
    };
    options.on_epoch = [&](const EpochMetrics& epoch) { told.losses.push_back(epoch.train_loss); };
    auto model = this->model();
    Trainer<T> trainer(this->context(), model, this->train_, &this->test_, options);
    if (throws_at > 0) {
      EXPECT_THROW(trainer.fit(), std::runtime_error);
    }
    EXPECT_EQ(trainer.fit(), TrainingEnd::finished);
    return told;
  };
  const Told expected = train("undisturbed", 0);
  ASSERT_EQ(expected.steps.size(), 15U);
  for (const std::int64_t throws_at : {1, 2, 4, 5}) {
    const Told told = train(("disturbed" + std::to_string(throws_at)).c_str(), throws_at);
    EXPECT_EQ(told.steps, expected.steps) << throws_at;
    EXPECT_EQ(told.losses, expected.losses) << throws_at;
  }
}

// What could not be saved is saved when training goes on, and nothing before it is lost.
TYPED_TEST(TrainerAgain, SavesTheEpochThatCouldNotBeSaved) {
  using T = typename TypeParam::Scalar;
  auto undisturbed = this->model();
  this->fit(undisturbed, this->options("undisturbed"));
  for (const char* file : {"last.safetensors", "checkpoint.safetensors"}) {
    const std::filesystem::path folder = this->temporary_.path() / (std::string("no_") + file);
    int told = 0;
    TrainerOptions options = this->options(folder.filename().c_str());
    options.checkpoint_interval = 0;
    options.on_epoch = [&](const EpochMetrics& epoch) {
      ++told;
      if (epoch.epoch > 1) return;
      std::filesystem::remove(folder / file);
      std::filesystem::create_directory(folder / file);
    };
    auto model = this->model();
    Trainer<T> trainer(this->context(), model, this->train_, &this->test_, options);
    EXPECT_THROW(trainer.fit(), IoError);
    std::filesystem::remove(folder / file);
    EXPECT_EQ(trainer.fit(), TrainingEnd::finished);
    EXPECT_EQ(told, 3);
    EXPECT_EQ(this->metrics(folder.filename()), this->metrics("undisturbed"));
    EXPECT_TRUE(same_bits(this->fetch(model.M()), this->fetch(undisturbed.M())));
    for (const char* model_file : {"best.safetensors", "last.safetensors"})
      EXPECT_EQ(read_text(folder / model_file), this->content("undisturbed", model_file));
  }
}

TYPED_TEST(TrainerAgain, GoesOnWithOtherMemoryOfTheModel) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  auto undisturbed = this->model();
  this->fit(undisturbed, this->options("undisturbed"));
  auto model = this->model();
  bool stops = false;
  const TrainerOptions options = this->stopping("disturbed", stops);
  Trainer<T> trainer(context, model, this->train_, &this->test_, options);
  ASSERT_EQ(trainer.fit(), TrainingEnd::stopped);
  stops = false;
  ImplicitModel<T> copy = model.clone(context);
  model = std::move(copy);
  EXPECT_EQ(trainer.fit(), TrainingEnd::finished);
  EXPECT_TRUE(same_bits(this->fetch(model.M()), this->fetch(undisturbed.M())));
}

TYPED_TEST(TrainerAgain, RefusesAModelThatWasPrunedByAnother) {
  using T = typename TypeParam::Scalar;
  auto model = this->model();
  bool stops = false;
  const TrainerOptions options = this->stopping("first", stops);
  Trainer<T> trainer(this->context(), model, this->train_, nullptr, options);
  ASSERT_EQ(trainer.fit(), TrainingEnd::stopped);
  stops = false;
  Trainer<T>(this->context(), model, this->train_, nullptr, this->pruned("second")).fit();
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { trainer.fit(); }),
                    {"the model has", "parameters, the one that was trained"}));
}

TYPED_TEST(TrainerAgain, ProjectsOntoTheBallThatTheModelHas) {
  using T = typename TypeParam::Scalar;
  auto model = this->model();
  TrainerOptions options = this->options("shrunk");
  options.on_step = [&](const StepMetrics& step) {
    if (step.step == 2) model.set_kappa(this->context(), 0.25);
  };
  Trainer<T>(this->context(), model, this->train_, &this->test_, options).fit();
  const auto report =
      examine_well_posedness<T>(this->context(), std::as_const(model).A(), Activation{});
  EXPECT_LE(report.inf_norm, 0.25 * (1 + 1e-6));
  EXPECT_GT(report.inf_norm, 0.2);
}

// A pass refers to the memory of the model, which is left where its pattern is that of the file.
TYPED_TEST(TrainerAgain, ResumesASparseModelInItsOwnMemory) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  auto model = sparsify(context, this->model(), {.density = 0.5});
  TrainerOptions options = this->options("sparse");
  options.epochs = 1;
  Trainer<T>(context, model, this->train_, nullptr, options).fit();
  const T* const memory = std::as_const(model).M().data;
  Trainer<T> again(context, model, this->train_, nullptr, options);
  again.resume();
  EXPECT_EQ(std::as_const(model).M().data, memory);
}

TYPED_TEST(TrainerAgain, ReadsOneSampleAtATimeAndNoneAfterItsEnd) {
  using T = typename TypeParam::Scalar;
  std::atomic<int> readers = 0;
  std::atomic<int> together = 0;
  std::atomic<int> read = 0;
  bool spoils = false;
  const Dataset data = this->read_by(
      [&](index_t) {
        if (readers.fetch_add(1) > 0) ++together;
        ++read;
      },
      [&](std::span<T> column) {
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        if (spoils) column[0] = std::numeric_limits<T>::quiet_NaN();
        readers.fetch_sub(1);
      });
  const auto reads_no_longer = [&] {
    const int before = read;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return read == before;
  };
  for (const bool nan : {false, true}) {
    SCOPED_TRACE(nan);
    spoils = nan;
    auto model = this->model();
    TrainerOptions options = this->options(nan ? "spoilt" : "stopped");
    int asked = 0;
    if (!nan) options.stop_requested = [&] { return ++asked == 2; };
    Trainer<T> trainer(this->context(), model, data, nullptr, options);
    if (nan)
      EXPECT_THROW(trainer.fit(), NotFinite);
    else
      EXPECT_EQ(trainer.fit(), TrainingEnd::stopped);
    EXPECT_TRUE(reads_no_longer());
    this->take_warnings();
  }
  EXPECT_EQ(together, 0);
}

TYPED_TEST(TrainerAgain, PrunesAStrictlyUpperTriangularModel) {
  using T = typename TypeParam::Scalar;
  auto model = this->model({.well_posedness = WellPosedness::strictly_upper_triangular()});
  EXPECT_EQ(this->fit(model, this->pruned("upper")), TrainingEnd::finished);
  const CsrArrays<T> A = download(this->context(), model.csr("A"));
  EXPECT_EQ(A.values.size(), 40U);  // of 100, 45 of which lie above the diagonal
  for (std::size_t i = 0; i < 10; ++i)
    for (auto k = A.row_offsets[i]; k < A.row_offsets[i + 1]; ++k)
      EXPECT_GT(A.col_indices[static_cast<std::size_t>(k)], static_cast<std::int32_t>(i));
}

}  // namespace
}  // namespace idl::test
