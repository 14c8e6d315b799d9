// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// Optimisers against transcriptions of PyTorch's definitions in float64, schedules against their
/// formulae.
namespace idl::test {
namespace {

constexpr ModelShape k_shape{6, 5, 4};
constexpr std::size_t k_size = (6 + 4) * (6 + 5);

/// torch.optim.Adam and AdamW (amsgrad, maximize off), one entry.
struct AdamEntry {
  double m1 = 0.0;
  double m2 = 0.0;
  double step(const OptimizerOptions& o, double w, double g, double lr, int t) {
    if (o.kind == OptimizerKind::adamw)
      w -= lr * o.weight_decay * w;
    else
      g += o.weight_decay * w;
    m1 = o.beta1 * m1 + (1.0 - o.beta1) * g;
    m2 = o.beta2 * m2 + (1.0 - o.beta2) * g * g;
    const double m1_hat = m1 / (1.0 - std::pow(o.beta1, t));
    const double m2_hat = m2 / (1.0 - std::pow(o.beta2, t));
    return w - lr * m1_hat / (std::sqrt(m2_hat) + o.epsilon);
  }
};

/// torch.optim.SGD, one entry.
struct SgdEntry {
  double velocity = 0.0;
  double step(const OptimizerOptions& o, double w, double g, double lr, int) {
    g += o.weight_decay * w;
    velocity = o.momentum * velocity + g;
    return w - lr * (o.nesterov ? g + o.momentum * velocity : velocity);
  }
};

template <class C>
class OptimizerTest : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  /// 25 steps of both, on a model without constraint.
  template <class Entry>
  void check(const OptimizerOptions& options) {
    Context& context = this->context();
    RandomValues random(101);
    ImplicitModel<Scalar> model(context, k_shape, {.well_posedness = WellPosedness::none()});
    std::vector<double> M = random.uniforms(k_size, -1.0, 1.0);
    for (double& value : M) value = static_cast<double>(static_cast<Scalar>(value));
    this->put(model.M(), M);
    Optimizer<Scalar> optimizer(context, model, options);
    std::vector<Entry> entries(k_size);
    for (int t = 1; t <= 25; ++t) {
      std::vector<double> dM = random.uniforms(k_size, -1.0, 1.0);
      for (double& value : dM) value = static_cast<double>(static_cast<Scalar>(value));
      dM[3] = 0.0;  // an entry that never has a gradient
      const double factor = t < 15 ? 1.0 : 0.25;
      optimizer.step(context, model, this->matrix(10, 11, dM).view(), factor);
      for (std::size_t k = 0; k < k_size; ++k)
        M[k] = entries[k].step(options, M[k], dM[k], options.learning_rate * factor, t);
    }
    EXPECT_EQ(optimizer.steps(), 25);
    // Each of 25 steps rounds a few numbers of the order of 1 in T; the moments' errors decay.
    const double u = static_cast<double>(std::numeric_limits<Scalar>::epsilon());
    EXPECT_LE(max_difference(this->fetch_double(model.M()), M), 25 * 8 * u);
  }
};
TYPED_TEST_SUITE(OptimizerTest, AllCases, CaseNames);

TYPED_TEST(OptimizerTest, AdamIsTheOneOfPyTorch) {
  this->template check<AdamEntry>({.learning_rate = 0.02});
  this->template check<AdamEntry>(
      {.learning_rate = 0.01, .beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-3, .weight_decay = 0.1});
}
TYPED_TEST(OptimizerTest, AdamWDecaysApartFromTheGradient) {
  this->template check<AdamEntry>(
      {.kind = OptimizerKind::adamw, .learning_rate = 0.02, .weight_decay = 0.3});
}
TYPED_TEST(OptimizerTest, SgdIsTheOneOfPyTorch) {
  this->template check<SgdEntry>({.kind = OptimizerKind::sgd, .learning_rate = 0.05});
  this->template check<SgdEntry>(
      {.kind = OptimizerKind::sgd, .learning_rate = 0.05, .weight_decay = 0.2, .momentum = 0.9});
  this->template check<SgdEntry>({.kind = OptimizerKind::sgd,
                                  .learning_rate = 0.02,
                                  .weight_decay = 0.01,
                                  .momentum = 0.8,
                                  .nesterov = true});
}

TYPED_TEST(OptimizerTest, ProjectsAfterEachStep) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model(this->context(), k_shape,
                         {.well_posedness = WellPosedness::inf_norm_ball(0.5), .no_D = true});
  Optimizer<T> optimizer(this->context(), model,
                         {.kind = OptimizerKind::sgd, .learning_rate = 10.0});
  const auto dM = this->matrix(10, 11, RandomValues(102).uniforms(k_size, -1.0, 1.0));
  optimizer.step(this->context(), model, dM.view());
  const std::vector<double> A = this->fetch_double(model.A());
  for (std::size_t i = 0; i < 6; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < 6; ++j) sum += std::abs(A[i + 6 * j]);
    EXPECT_LE(sum, 0.5) << "row " << i;
    EXPECT_GT(sum, 0.499) << "row " << i;
  }
  EXPECT_EQ(this->fetch(model.D()), std::vector<T>(20, T(0)));
}

TYPED_TEST(OptimizerTest, LeavesFrozenMatricesAsTheyAreAndMovesTheOthers) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  ImplicitModel<T> model(context, k_shape, {}, 8);
  ImplicitModel<T> free = model.clone(context);
  const auto before = model.clone(context);
  Optimizer<T> optimizer(context, model, {.weight_decay = 0.1, .prox = 0.01, .frozen = "D,A"});
  Optimizer<T> of_all(context, free, {.weight_decay = 0.1, .prox = 0.01});
  const auto dM = this->matrix(10, 11, RandomValues(104).uniforms(k_size, -1.0, 1.0));
  for (int k = 0; k < 3; ++k) {
    optimizer.step(context, model, dM.view());
    of_all.step(context, free, dM.view());
  }
  EXPECT_TRUE(same_bits(this->fetch(model.A()), this->fetch(before.A())));
  EXPECT_TRUE(same_bits(this->fetch(model.D()), this->fetch(before.D())));
  EXPECT_TRUE(same_bits(this->fetch(model.B()), this->fetch(free.B())));
  EXPECT_TRUE(same_bits(this->fetch(model.C()), this->fetch(free.C())));
  EXPECT_FALSE(same_bits(this->fetch(model.B()), this->fetch(before.B())));
  EXPECT_FALSE(same_bits(this->fetch(free.A()), this->fetch(before.A())));
  for (const char* names : {"E", "A,", "A,,B", "A, B", ","})
    EXPECT_TRUE(
        holds(text_of<InvalidArgument>([&] { Optimizer<T>(context, model, {.frozen = names}); }),
              {"frozen = \"" + std::string(names) + "\"", "no matrix of the model"}));
}

TYPED_TEST(OptimizerTest, GoesOnFromACopyOfItsStateWithTheSameBits) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  for (const auto kind : {OptimizerKind::adam, OptimizerKind::sgd}) {
    const OptimizerOptions options{.kind = kind,
                                   .momentum = kind == OptimizerKind::sgd ? 0.9 : 0.0};
    ImplicitModel<T> model(context, k_shape, {}, 6);
    Optimizer<T> optimizer(context, model, options);
    RandomValues random(103);
    const auto step = [&](Optimizer<T>& which, ImplicitModel<T>& target, std::uint64_t seed) {
      const auto dM = this->matrix(10, 11, RandomValues(seed).uniforms(k_size, -1.0, 1.0));
      which.step(context, target, dM.view());
    };
    for (std::uint64_t k = 0; k < 5; ++k) step(optimizer, model, k);

    ImplicitModel<T> resumed_model = model.clone(context);
    Optimizer<T> resumed(context, resumed_model, options);
    copy<T>(context, optimizer.first_moment(), resumed.first_moment());
    if (kind == OptimizerKind::adam)
      copy<T>(context, optimizer.second_moment(), resumed.second_moment());
    resumed.set_steps(optimizer.steps());
    for (std::uint64_t k = 5; k < 10; ++k) {
      step(optimizer, model, k);
      step(resumed, resumed_model, k);
    }
    EXPECT_TRUE(same_bits(this->fetch(resumed_model.M()), this->fetch(model.M())));
  }
}

TYPED_TEST(OptimizerTest, RefusesNumbersOfStepsThatNobodyTook) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(this->context(), k_shape, {}, 8);
  Optimizer<T> optimizer(this->context(), model, {});
  for (const std::int64_t steps :
       {std::int64_t{-1}, std::int64_t{1} << 53, std::numeric_limits<std::int64_t>::max()})
    EXPECT_THROW(optimizer.set_steps(steps), InvalidArgument);
  EXPECT_EQ(optimizer.steps(), 0);
}

TYPED_TEST(OptimizerTest, WorksOnMomentsOfTheCallersAndRefusesThoseThatDoNotFit) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  ImplicitModel<T> model(context, k_shape, {}, 8), expected_model(context, k_shape, {}, 8);
  auto first = Matrix<T>::zeros(context, 10, 11);
  auto second = Matrix<T>::zeros(context, 10, 11);
  Optimizer<T> optimizer(context, model, {}, first, second);
  Optimizer<T> expected(context, expected_model, {});
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const auto dM = this->matrix(10, 11, RandomValues(seed).uniforms(k_size, -1.0, 1.0));
    optimizer.step(context, model, dM.view());
    expected.step(context, expected_model, dM.view());
  }
  EXPECT_TRUE(same_bits(this->fetch(model.M()), this->fetch(expected_model.M())));
  EXPECT_TRUE(same_bits(this->fetch(first), this->fetch(expected.first_moment())));
  EXPECT_TRUE(same_bits(this->fetch(second), this->fetch(expected.second_moment())));

  auto narrow = Matrix<T>::zeros(context, 10, 10);
  const auto refused = [&](MatrixView<T> one, MatrixView<T> two, OptimizerKind kind) {
    return text_of<InvalidArgument>(
        [&] { Optimizer<T>(context, model, {.kind = kind}, one, two); });
  };
  EXPECT_TRUE(holds(refused(narrow, second, OptimizerKind::adam),
                    {"first moment is 10x10", "expected 10x11"}));
  EXPECT_TRUE(holds(refused(first, {}, OptimizerKind::adamw), {"second moment is 0x0"}));
  EXPECT_TRUE(holds(refused(first, second, OptimizerKind::sgd), {"expected 0x0"}));
  MatrixView<T> elsewhere = first;
  elsewhere.device = Device::cuda(7);
  EXPECT_TRUE(holds(refused(elsewhere, second, OptimizerKind::adam), {"on cuda:7"}));
}

TYPED_TEST(OptimizerTest, RefusesImpossibleOptionsByName) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(this->context(), k_shape);
  const auto refusal = [&](const OptimizerOptions& options) {
    return text_of<InvalidArgument>([&] { Optimizer<T>(this->context(), model, options); });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(holds(refusal({.learning_rate = -0.5}), {"learning_rate", "-0.5"}));
  EXPECT_TRUE(holds(refusal({.learning_rate = nan}), {"learning_rate", "nan"}));
  EXPECT_TRUE(holds(refusal({.beta1 = 1.0}), {"beta1 is 1", "[0, 1)"}));
  EXPECT_TRUE(holds(refusal({.beta2 = -0.1}), {"beta2", "-0.1"}));
  EXPECT_TRUE(holds(refusal({.epsilon = -1.0}), {"epsilon is -1"}));
  EXPECT_TRUE(holds(refusal({.weight_decay = -1.0}), {"weight_decay is -1"}));
  EXPECT_TRUE(holds(refusal({.momentum = -1.0}), {"momentum is -1"}));
  EXPECT_TRUE(holds(refusal({.momentum = 0.9}), {"momentum is 0.9", "adam has none"}));
  EXPECT_TRUE(holds(refusal({.kind = OptimizerKind::adamw, .nesterov = true}), {"nesterov"}));
}

TYPED_TEST(OptimizerTest, RefusesAGradientOfAnotherShape) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model(this->context(), k_shape);
  Optimizer<T> optimizer(this->context(), model, {});
  const auto dM = Matrix<T>::zeros(this->context(), 10, 10);
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([&] { optimizer.step(this->context(), model, dM.view()); }),
            {"dM", "10x10", "10x11"}));
  const auto fitting = Matrix<T>::zeros(this->context(), 10, 11);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(holds(text_of<InvalidArgument>(
                        [&] { optimizer.step(this->context(), model, fitting.view(), nan); }),
                    {"learning_rate_factor is nan"}));
  EXPECT_EQ(optimizer.steps(), 0) << "a refused step is no step";
}

TEST(Schedules, ConstantIsOne) {
  const Schedule schedule;
  EXPECT_EQ(schedule.factor(0, 0, 100), 1.0);
  EXPECT_EQ(schedule.factor(99, 1000, 100), 1.0);
}

TEST(Schedules, StepFallsAfterEachPeriod) {
  const Schedule schedule{.kind = ScheduleKind::step, .period = 3, .gamma = 0.5};
  const double expected[] = {1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125};
  for (std::int64_t epoch = 0; epoch < 10; ++epoch)
    EXPECT_DOUBLE_EQ(schedule.factor(epoch, 12345, 100000), expected[epoch]) << epoch;
}

TEST(Schedules, CosineGoesFromOneToItsFloor) {
  const Schedule schedule{.kind = ScheduleKind::cosine, .floor = 0.1};
  EXPECT_DOUBLE_EQ(schedule.factor(0, 0, 600), 1.0);
  EXPECT_DOUBLE_EQ(schedule.factor(0, 300, 600), 0.55);
  EXPECT_DOUBLE_EQ(schedule.factor(0, 600, 600), 0.1);
  EXPECT_DOUBLE_EQ(schedule.factor(7, 150, 600),
                   0.1 + 0.9 * (1.0 + std::cos(std::numbers::pi / 4.0)) / 2.0);
  for (std::int64_t t = 1; t <= 600; ++t)
    EXPECT_LT(schedule.factor(0, t, 600), schedule.factor(0, t - 1, 600));
}

TEST(Schedules, OfImpossiblePeriodsAreRefused) {
  const Schedule schedule{.kind = ScheduleKind::step, .period = 0};
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([&] { (void)schedule.factor(1, 1, 1); }), {"period", "0"}));
}

}  // namespace
}  // namespace idl::test
