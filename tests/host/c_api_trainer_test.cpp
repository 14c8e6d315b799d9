// SPDX-License-Identifier: MIT
// Trainers of the C interface take the steps that those of C++ take.
#include <cmath>

#include "host/train/training_step.hpp"
#include "tests/host/c_api_fixture.hpp"
#include "tests/io/files.hpp"

namespace idl::test {
namespace {

template <class C>
class CApiTrainer : public CApiFixture<C> {
 protected:
  using Element = typename C::Scalar;
  using Base = CApiFixture<C>;
  using Base::k_m, Base::k_n, Base::k_p, Base::k_q;

  static idl_trainer_settings settings(idl_loss loss = IDL_LOSS_SOFTMAX_CROSS_ENTROPY) {
    auto made = sized<idl_trainer_settings>();
    made.samples = k_m;
    made.loss = loss;
    return made;
  }
  Handle<idl_trainer> make_trainer(const idl_trainer_settings& settings, idl_model* model) {
    return this->template made<idl_trainer>([&](idl_trainer** trainer) {
      return idl_trainer_create_with(this->c_context_.get(), model, &settings, trainer);
    });
  }
  Handle<idl_trainer> make_trainer(const idl_trainer_settings& settings) {
    return make_trainer(settings, this->c_model_.get());
  }
  /// A step on the first so many samples.
  double step(idl_trainer* trainer, std::int64_t samples = k_m) {
    const std::vector<Element> U = this->inputs();
    double loss = -1.0;
    EXPECT_EQ(idl_trainer_set_samples(trainer, samples), IDL_STATUS_OK);
    EXPECT_EQ(
        idl_trainer_step(trainer, U.data(), k_p, labels_.data(), IDL_MEMORY_HOST, &loss, nullptr),
        IDL_STATUS_OK)
        << idl_last_error();
    return loss;
  }
  /// The same in C++, by a learning rate of its own.
  double cpp_step(ImplicitModel<Element>& model, Optimizer<Element>& optimizer,
                  std::int64_t samples, double factor) {
    std::vector<Element> U = this->inputs();
    TrainingStep<Element> step(this->context(), model, samples, LossKind::softmax_cross_entropy, {},
                               true);
    step.launch({.U = U.data(), .labels = labels_.data(), .target = nullptr, .samples = samples});
    const BatchFigures figures = step.fetch().get(this->context());
    optimizer.step(this->context(), model, step.dM(), factor);
    return figures.loss_sum / static_cast<double>(samples);
  }

  std::vector<std::int32_t> labels_ = {0, 1, 2, 0, 1, 2};
};
TYPED_TEST_SUITE(CApiTrainer, AllCases, CaseNames);

TYPED_TEST(CApiTrainer, MakesTheSquaredErrorSmallAsCppDoes) {
  using T = typename TypeParam::Scalar;
  constexpr auto p = TestFixture::k_p, q = TestFixture::k_q, m = TestFixture::k_m;
  std::vector<T> U = this->inputs();
  std::vector<T> target = this->values(q * m, 6);
  ImplicitModel<T> model = this->cpp_model();
  Optimizer<T> optimizer(this->context(), model,
                         {.kind = OptimizerKind::sgd, .learning_rate = 0.125, .momentum = 0.5});
  TrainingStep<T> step(this->context(), model, m, LossKind::squared_error, {}, true);
  const double learning_rate = 0.125;
  auto settings = this->settings(IDL_LOSS_SQUARED_ERROR);
  settings.optimizer = "sgd";
  settings.learning_rate = &learning_rate;
  settings.momentum = 0.5;
  const auto trainer = this->make_trainer(settings);
  double first = 0.0, loss = 0.0;
  for (int k = 0; k < 4; ++k) {
    step.launch(
        {.U = U.data(), .labels = this->labels_.data(), .target = target.data(), .samples = m});
    const BatchFigures figures = step.fetch().get(this->context());
    optimizer.step(this->context(), model, step.dM());
    ASSERT_EQ(idl_trainer_step_towards(trainer.get(), U.data(), p, target.data(), q,
                                       IDL_MEMORY_HOST, &loss),
              IDL_STATUS_OK)
        << idl_last_error();
    EXPECT_NEAR(loss, figures.loss_sum / m, 1e-6 * loss);
    if (k == 0) first = loss;
  }
  EXPECT_LT(loss, first);
  EXPECT_EQ(this->parameters(this->c_model_.get()), this->fetch(model.M()));
  auto figures = sized<idl_step_figures>();
  ASSERT_EQ(idl_trainer_figures(trainer.get(), &figures), IDL_STATUS_OK);
  EXPECT_TRUE(std::isnan(figures.accuracy));
}

TYPED_TEST(CApiTrainer, HasALearningRateForEachStepAndASmallerLastBatch) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model = this->cpp_model();
  Optimizer<T> optimizer(this->context(), model, {.learning_rate = 1.0});
  const auto trainer = this->make_trainer(this->settings());
  const std::pair<std::int64_t, double> steps[] = {{6, 0.5}, {6, 0.25}, {2, 0.125}, {6, 0.0625},
                                                   {2, 0.5}, {4, 0.25}, {6, 0.125}};
  for (const auto& [samples, rate] : steps) {
    ASSERT_EQ(idl_trainer_set_learning_rate(trainer.get(), rate), IDL_STATUS_OK);
    const double expected = this->cpp_step(model, optimizer, samples, rate);
    EXPECT_NEAR(this->step(trainer.get(), samples), expected, 1e-6 * std::abs(expected));
  }
  EXPECT_EQ(this->parameters(this->c_model_.get()), this->fetch(model.M()));
  auto figures = sized<idl_step_figures>();
  ASSERT_EQ(idl_trainer_figures(trainer.get(), &figures), IDL_STATUS_OK);
  EXPECT_EQ(figures.steps, 7);
  EXPECT_EQ(figures.not_converged, 0);
  EXPECT_GE(figures.forward_iterations, 1);
  EXPECT_GE(figures.adjoint_iterations, 1);
  EXPECT_GE(figures.accuracy, 0.0);
}

TYPED_TEST(CApiTrainer, ResumesWithTheBitsOfATrainingThatWasNotInterrupted) {
  const TemporaryFolder folder;
  const std::string path = (folder / "training.safetensors").string();
  const auto trainer = this->make_trainer(this->settings());
  for (int k = 0; k < 3; ++k) this->step(trainer.get());
  ASSERT_EQ(idl_trainer_save(trainer.get(), path.c_str()), IDL_STATUS_OK) << idl_last_error();
  const auto saved = this->parameters(this->c_model_.get());
  for (int k = 0; k < 3; ++k) this->step(trainer.get());

  const Handle<idl_model> other(this->make_model());
  const auto resumed = this->make_trainer(this->settings(), other.get());
  ASSERT_EQ(idl_trainer_load(resumed.get(), path.c_str()), IDL_STATUS_OK) << idl_last_error();
  EXPECT_EQ(this->parameters(other.get()), saved);
  for (int k = 0; k < 3; ++k) this->step(resumed.get());
  EXPECT_EQ(this->parameters(other.get()), this->parameters(this->c_model_.get()));

  const auto model = this->template made<idl_model>([&](idl_model** made) {
    return idl_model_load(this->c_context_.get(), path.c_str(), TestFixture::k_precision, made);
  });
  EXPECT_EQ(this->parameters(model.get()), saved) << "it is a model file, too";
}

TYPED_TEST(CApiTrainer, ResumesOnlyWhatFitsAndStaysAsItWasOtherwise) {
  const TemporaryFolder folder;
  const std::string path = (folder / "training.safetensors").string();
  const std::string model_path = (folder / "model.safetensors").string();
  const auto trainer = this->make_trainer(this->settings());
  this->step(trainer.get());
  ASSERT_EQ(idl_trainer_save(trainer.get(), path.c_str()), IDL_STATUS_OK);
  ASSERT_EQ(idl_model_save(this->c_context_.get(), this->c_model_.get(), model_path.c_str()),
            IDL_STATUS_OK);
  const Handle<idl_model> other(this->make_model());
  const auto before = this->parameters(other.get());
  auto changed = this->settings();
  changed.weight_decay = 0.25;
  const auto decaying = this->make_trainer(changed, other.get());
  expect_refused(idl_trainer_load(decaying.get(), path.c_str()),
                 "weight_decay was 0.0 and is 0.25");
  expect_refused(idl_trainer_load(decaying.get(), model_path.c_str()), "training.optimizer",
                 IDL_STATUS_IO_ERROR);
  expect_refused(idl_trainer_load(decaying.get(), "/nowhere/x.safetensors"), "/nowhere",
                 IDL_STATUS_IO_ERROR);
  EXPECT_EQ(this->parameters(other.get()), before);

  auto larger = this->model_settings();
  larger.states = 7;
  const auto model = this->template made<idl_model>([&](idl_model** made) {
    return idl_model_create_with(this->c_context_.get(), &larger, made);
  });
  const auto of_larger = this->make_trainer(this->settings(), model.get());
  expect_refused(idl_trainer_load(of_larger.get(), path.c_str()), "states was 5 and is 7");

  const std::int64_t rank = 2;
  auto low_rank = this->model_settings();
  low_rank.rank = &rank;
  const auto of_rank = this->template made<idl_model>([&](idl_model** made) {
    return idl_model_create_with(this->c_context_.get(), &low_rank, made);
  });
  const auto of_factors = this->make_trainer(this->settings(), of_rank.get());
  expect_refused(idl_trainer_load(of_factors.get(), path.c_str()), "model.rank was null and is 2");
  ASSERT_EQ(idl_trainer_save(of_factors.get(), path.c_str()), IDL_STATUS_OK);
  expect_refused(idl_trainer_load(trainer.get(), path.c_str()), "model.rank was 2 and is null");
}

TYPED_TEST(CApiTrainer, DoesNotSaveWhatIsNotFinite) {
  using T = typename TypeParam::Scalar;
  const TemporaryFolder folder;
  const std::string path = (folder / "training.safetensors").string();
  const auto trainer = this->make_trainer(this->settings());
  ASSERT_EQ(idl_trainer_save(trainer.get(), path.c_str()), IDL_STATUS_OK);
  const std::string bytes = read_text(path);
  std::vector<T> M = this->parameters(this->c_model_.get());
  M[0] = std::numeric_limits<T>::quiet_NaN();
  ASSERT_EQ(idl_model_write(this->c_context_.get(), this->c_model_.get(), "M", M.data(),
                            TestFixture::k_n + TestFixture::k_q, IDL_MEMORY_HOST),
            IDL_STATUS_OK);
  expect_refused(idl_trainer_save(trainer.get(), path.c_str()), "1 of 25 entries of A",
                 IDL_STATUS_NOT_FINITE);
  EXPECT_TRUE(read_text(path) == bytes);
}

TYPED_TEST(CApiTrainer, ProjectsOntoTheBallOfAKappaThatWasChanged) {
  const auto trainer = this->make_trainer(this->settings());
  this->step(trainer.get());
  ASSERT_EQ(idl_model_set_kappa(this->c_context_.get(), this->c_model_.get(), 0.125),
            IDL_STATUS_OK);
  ASSERT_EQ(idl_trainer_set_learning_rate(trainer.get(), 0.5), IDL_STATUS_OK);
  this->step(trainer.get());
  const auto M = this->parameters(this->c_model_.get());
  constexpr std::size_t rows = TestFixture::k_n + TestFixture::k_q;
  double norm = 0.0;
  for (std::size_t i = 0; i < TestFixture::k_n; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < TestFixture::k_n; ++j)
      sum += std::abs(static_cast<double>(M[i + j * rows]));
    norm = std::max(norm, sum);
  }
  EXPECT_NEAR(norm, 0.125, 1e-6);
}

TYPED_TEST(CApiTrainer, RefusesWhatIsWrongAndSaysWhy) {
  using T = typename TypeParam::Scalar;
  const std::vector<T> U = this->inputs();
  idl_trainer* none = nullptr;
  const auto refused = [&](auto change, const std::string& part) {
    auto settings = this->settings();
    change(settings);
    expect_refused(
        idl_trainer_create_with(this->c_context_.get(), this->c_model_.get(), &settings, &none),
        part);
    EXPECT_EQ(none, nullptr);
  };
  const double negative = -1.0, one = 1.0;
  refused([](auto& s) { s.samples = 0; }, "m is 0");
  refused([](auto& s) { s.loss = 7; }, "loss is 7");
  refused([](auto& s) { s.optimizer = "adem"; }, "adem");
  refused([&](auto& s) { s.learning_rate = &negative; }, "learning_rate is -1");
  refused([&](auto& s) { s.beta2 = &one; }, "beta2 is 1");
  refused([](auto& s) { s.momentum = 1.0; }, "momentum is 1");
  refused([](auto& s) { s.struct_size = sizeof(s) + 8; }, "idl_trainer_settings");

  const auto trainer = this->make_trainer(this->settings());
  auto figures = sized<idl_step_figures>();
  expect_refused(idl_trainer_figures(trainer.get(), &figures), "before the first step");
  expect_refused(idl_trainer_step_towards(trainer.get(), U.data(), TestFixture::k_p, U.data(),
                                          TestFixture::k_q, IDL_MEMORY_HOST, nullptr),
                 "the trainer's loss is softmax_cross_entropy");
  expect_refused(idl_trainer_set_samples(trainer.get(), -1), "m is -1");
  expect_refused(idl_trainer_set_learning_rate(trainer.get(), std::nan("")),
                 "learning_rate is nan");
  const std::vector<std::int32_t> labels = {0, 1, 3, 0, 1, 2};
  expect_refused(idl_trainer_step(trainer.get(), U.data(), TestFixture::k_p, labels.data(),
                                  IDL_MEMORY_HOST, nullptr, nullptr),
                 "labels[2] is 3");
  const auto squared = this->make_trainer(this->settings(IDL_LOSS_SQUARED_ERROR));
  expect_refused(idl_trainer_step(squared.get(), U.data(), TestFixture::k_p, this->labels_.data(),
                                  IDL_MEMORY_HOST, nullptr, nullptr),
                 "idl_trainer_step_towards makes its steps");
  expect_refused(idl_trainer_step_towards(squared.get(), U.data(), TestFixture::k_p, U.data(), 2,
                                          IDL_MEMORY_HOST, nullptr),
                 "ldt is 2");
}

}  // namespace
}  // namespace idl::test
