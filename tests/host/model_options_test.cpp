// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/base/number_range.hpp"
#include "tests/host/dense_oracle.hpp"
#include "tests/host/device_test.hpp"

/// What a model, a pass and a prediction refuse, and with which words.
namespace idl::test {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
constexpr double k_infinity = std::numeric_limits<double>::infinity();

template <class C>
class ModelOptionsTest : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;
  using Model = ImplicitModel<Scalar>;

  std::string refusal(ModelShape shape, ModelOptions options = {}) {
    return text_of<InvalidArgument>([&] { Model(this->context(), shape, options); });
  }
};
TYPED_TEST_SUITE(ModelOptionsTest, AllCases, CaseNames);

TYPED_TEST(ModelOptionsTest, RefusesSiluAtTheDefaultKappaWithTheNumbers) {
  const std::string text = this->refusal({4, 2, 1}, {.activation = {ActivationKind::silu}});
  // L_φ = 1.0998, L_φκ = 1.0448.
  EXPECT_TRUE(holds(text, {"silu", "1.0998", "0.95", "1.0448", "allow_unproven"}));
}

TYPED_TEST(ModelOptionsTest, RefusesEveryActivationThatExpandsTooMuch) {
  for (const double kappa : {0.1, 0.5, 0.9, 0.95, 0.99}) {
    for (const Activation& activation :
         {Activation{ActivationKind::silu}, Activation{ActivationKind::gelu},
          Activation::leaky_relu(-3.0), Activation::elu(1.5), Activation{ActivationKind::sigmoid},
          Activation{ActivationKind::relu}}) {
      SCOPED_TRACE(std::string(to_string(activation.kind)) + " " + std::to_string(kappa));
      const ModelOptions options{.activation = activation,
                                 .well_posedness = WellPosedness::inf_norm_ball(kappa)};
      if (lipschitz_constant(activation) * kappa >= 1.0)
        EXPECT_TRUE(holds(this->refusal({3, 2, 1}, options), {to_string(activation.kind)}));
      else
        EXPECT_NO_THROW(typename TestFixture::Model(this->context(), {3, 2, 1}, options));
    }
  }
}

TYPED_TEST(ModelOptionsTest, AllowsItWhenTheCallerInsists) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(this->context(), {4, 2, 1},
                               {.activation = {ActivationKind::silu}, .allow_unproven = true}, 3);
  const auto U = this->matrix(2, 1, {0.5, -0.5});
  const auto prediction = model.predict(this->context(), U.view());
  EXPECT_TRUE(prediction.report.all_converged());
}

TYPED_TEST(ModelOptionsTest, AcceptsSiluWhereKappaMakesUpForIt) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(
      this->context(), {4, 2, 1},
      {.activation = {ActivationKind::silu}, .well_posedness = WellPosedness::inf_norm_ball(0.9)});
  EXPECT_EQ(model.options().well_posedness.kappa, 0.9);
}

TYPED_TEST(ModelOptionsTest, RefusesAKappaOutsideZeroToOne) {
  for (const double kappa : {0.0, 1.0, -0.5, 1.5, k_nan, k_infinity}) {
    const std::string text =
        this->refusal({4, 2, 1}, {.well_posedness = WellPosedness::inf_norm_ball(kappa)});
    EXPECT_TRUE(holds(text, {"kappa is " + number_text(kappa), "(0, 1)"}));
  }
}

TYPED_TEST(ModelOptionsTest, RefusesSizesBelowOneByName) {
  EXPECT_TRUE(holds(this->refusal({0, 2, 1}), {"states", "0"}));
  EXPECT_TRUE(holds(this->refusal({4, -3, 1}), {"inputs", "-3"}));
  EXPECT_TRUE(holds(this->refusal({4, 2, 0}), {"outputs", "0"}));
}

TYPED_TEST(ModelOptionsTest, RefusesAnActivationWhoseSlopeIsNoNumber) {
  for (const double alpha : {k_nan, k_infinity}) {
    EXPECT_TRUE(holds(this->refusal({4, 2, 1}, {.activation = Activation::leaky_relu(alpha)}),
                      {"leaky_relu"}));
  }
}

template <class C>
class PassOptions : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;
  void SetUp() override {
    DeviceTest<C>::SetUp();
    if (this->IsSkipped()) return;
    model_.emplace(this->context(), ModelShape{5, 3, 2});
  }
  const ImplicitModel<Scalar>& model() { return *model_; }

  std::string refusal(const SolverOptions& solver) {
    return text_of<InvalidArgument>(
        [&] { BatchPass<Scalar>(this->context(), model(), 1, {.solver = solver}); });
  }

 private:
  std::optional<ImplicitModel<Scalar>> model_;
};
TYPED_TEST_SUITE(PassOptions, AllCases, CaseNames);

TYPED_TEST(PassOptions, RefusesImpossibleTolerancesByName) {
  EXPECT_TRUE(holds(this->refusal({.forward = {.max_iterations = -1}}),
                    {"forward", "max_iterations", "-1"}));
  EXPECT_TRUE(holds(this->refusal({.adjoint = {.max_iterations = -7}}),
                    {"adjoint", "max_iterations", "-7"}));
  for (const double bad : {-1e-3, k_nan, k_infinity}) {
    EXPECT_TRUE(holds(this->refusal({.forward = {.absolute = bad}}),
                      {"forward.absolute is " + number_text(bad)}));
    EXPECT_TRUE(holds(this->refusal({.adjoint = {.relative = bad}}),
                      {"adjoint.relative is " + number_text(bad)}));
  }
}

TYPED_TEST(PassOptions, RefusesImpossibleTolerancesForNoSamplesToo) {
  using T = typename TypeParam::Scalar;
  const Matrix<T> U(this->context(), 3, 0);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] {
                      (void)this->model().predict(this->context(), U,
                                                  {.forward = {.absolute = k_nan}});
                    }),
                    {"forward.absolute is nan"}));
}

TYPED_TEST(PassOptions, RefusesABatchOfNoSamples) {
  using T = typename TypeParam::Scalar;
  for (const index_t samples : {0, -4}) {
    const std::string text =
        text_of<InvalidArgument>([&] { BatchPass<T>(this->context(), this->model(), samples); });
    EXPECT_TRUE(holds(text, {"samples", std::to_string(samples)}));
  }
}

TYPED_TEST(PassOptions, RefusesInputsOfAnotherSizeWithBothSizes) {
  const auto U = this->matrix(4, 2, std::vector<double>(8, 0.0));
  const std::string text =
      text_of<InvalidArgument>([&] { (void)this->model().predict(this->context(), U.view()); });
  EXPECT_TRUE(holds(text, {"U", "4", "3"}));
}

TYPED_TEST(PassOptions, RefusesAStartOfAnotherShapeWithBothShapes) {
  using T = typename TypeParam::Scalar;
  const auto U = this->matrix(3, 2, std::vector<double>(6, 0.0));
  const auto X0 = this->matrix(5, 3, std::vector<double>(15, 0.0));
  const std::string text = text_of<InvalidArgument>(
      [&] { (void)this->model().predict(this->context(), U.view(), {}, X0.view()); });
  EXPECT_TRUE(holds(text, {"X0", "5x3", "5x2"}));
  BatchPass<T> pass(this->context(), this->model(), 2);
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([&] { pass.start_from(X0.view()); }), {"X0", "5x3", "5x2"}));
}

TYPED_TEST(PassOptions, RefusesABackwardPassThatWasNotPrepared) {
  using T = typename TypeParam::Scalar;
  BatchPass<T> forward_only(this->context(), this->model(), 2, {.backward = false});
  EXPECT_THROW((void)forward_only.backward(), InvalidArgument);
  EXPECT_THROW((void)forward_only.dY(), InvalidArgument);
  EXPECT_THROW((void)forward_only.dM(), InvalidArgument);
  BatchPass<T> without_input_gradient(this->context(), this->model(), 2);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { (void)without_input_gradient.dU(); }),
                    {"input_gradient"}));
}

TYPED_TEST(PassOptions, RefusesLossesOfOtherShapesWithBothShapes) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  const auto Y = Matrix<T>::zeros(context, 3, 4);
  auto dY = Matrix<T>::zeros(context, 3, 5);
  const auto labels =
      Vector<std::int32_t>::from_host(context, std::vector<std::int32_t>{0, 1, 2, 0});
  Vector<T> losses(context, 4);
  const std::string text = text_of<InvalidArgument>([&] {
    softmax_cross_entropy<T>(context, Y.view(), labels.view(), dY.view(), losses.view(), {});
  });
  EXPECT_TRUE(holds(text, {"dY", "3x5", "3x4"}));
}

TYPED_TEST(PassOptions, RefusesOperandsOfAnotherDevice) {
  using T = typename TypeParam::Scalar;
  if (TypeParam::k_device == DeviceKind::cpu) {
    // A view that claims to be elsewhere.
    const auto U = this->matrix(3, 1, {0.0, 0.0, 0.0});
    ConstMatrixView<T> elsewhere = U.view();
    elsewhere.device = Device::cuda(0);
    EXPECT_TRUE(holds(
        text_of<InvalidArgument>([&] { (void)this->model().predict(this->context(), elsewhere); }),
        {"cpu", "cuda:0"}));
    return;
  }
  Context cpu(Device::cpu());
  const auto U = Matrix<T>::zeros(cpu, 3, 1);
  EXPECT_TRUE(holds(
      text_of<InvalidArgument>([&] { (void)this->model().predict(this->context(), U.view()); }),
      {"cpu", "cuda:0"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { (void)this->model().predict(cpu, U.view()); }),
                    {"cpu", "cuda:0"}));
}

TEST(Names, OfActivationsAreReadBackAndUnknownOnesListTheKnown) {
  for (const ActivationKind kind : all_activations())
    EXPECT_EQ(parse_activation(to_string(kind)).kind, kind);
  EXPECT_EQ(all_activations().size(), 14U);
  for (const char* name : {"Relu", "relu ", "", "swish"}) {
    const std::string text = text_of<InvalidArgument>([&] { (void)parse_activation(name); });
    EXPECT_TRUE(holds(
        text, {"'" + std::string(name) + "'", "relu", "leaky_relu", "elu", "tanh", "sigmoid",
               "softplus", "silu", "gelu", "identity", "mish", "selu", "hardswish", "abs", "sat"}));
  }
}

TEST(Names, OfOtherOptionsAreReadBackAndUnknownOnesListTheKnown) {
  for (const auto kind : {OptimizerKind::adam, OptimizerKind::adamw, OptimizerKind::sgd})
    EXPECT_EQ(parse_optimizer(to_string(kind)), kind);
  for (const auto kind : {ScheduleKind::constant, ScheduleKind::step, ScheduleKind::cosine})
    EXPECT_EQ(parse_schedule(to_string(kind)), kind);
  for (const auto kind : {LossKind::softmax_cross_entropy, LossKind::squared_error})
    EXPECT_EQ(parse_loss(to_string(kind)), kind);
  for (const auto kind : {WellPosednessKind::none, WellPosednessKind::inf_norm_ball,
                          WellPosednessKind::strictly_upper_triangular})
    EXPECT_EQ(parse_well_posedness(to_string(kind)), kind);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([] { (void)parse_optimizer("Adam"); }),
                    {"'Adam'", "adam", "adamw", "sgd"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([] { (void)parse_schedule("linear"); }),
                    {"'linear'", "constant", "step", "cosine"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([] { (void)parse_loss("mse"); }),
                    {"'mse'", "softmax_cross_entropy", "squared_error"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([] { (void)parse_well_posedness("ball"); }),
                    {"'ball'", "none", "inf_norm_ball", "strictly_upper_triangular"}));
}

TEST(Names, OfDevicesAreReadAndUnknownOnesRefused) {
  EXPECT_EQ(parse_device("cpu"), Device::cpu());
  EXPECT_EQ(parse_device("auto"), best_device());
  EXPECT_EQ(to_string(Device::cpu()), "cpu");
  EXPECT_EQ(to_string(Device::cuda(3)), "cuda:3");
  for (const char* name : {"gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", ""})
    EXPECT_THROW((void)parse_device(name), InvalidArgument) << name;
  EXPECT_THROW((void)parse_device("cuda:" + std::to_string(cuda_devices().count)), NotSupported);
}

TEST(Activations, HaveTheLipschitzConstantsOfTheirSlopes) {
  // The largest |φ'| on a fine grid never exceeds the constant and comes close to it.
  for (const Activation& activation :
       {Activation{ActivationKind::relu}, Activation::leaky_relu(0.2), Activation::leaky_relu(-2.5),
        Activation::elu(1.0), Activation::elu(1.7), Activation{ActivationKind::tanh},
        Activation{ActivationKind::sigmoid}, Activation{ActivationKind::softplus},
        Activation{ActivationKind::silu}, Activation{ActivationKind::gelu},
        Activation{ActivationKind::identity}, Activation{ActivationKind::mish},
        Activation{ActivationKind::selu}, Activation{ActivationKind::hardswish},
        Activation{ActivationKind::abs}, Activation{ActivationKind::sat}}) {
    double steepest = 0.0;
    for (int k = -200000; k <= 200000; ++k)
      steepest = std::max(steepest, std::abs(phi_slope<double>(activation, k * 1e-4)));
    const double L = lipschitz_constant(activation);
    EXPECT_LE(steepest, L * (1.0 + 1e-15)) << to_string(activation.kind);
    EXPECT_GE(steepest, L * (1.0 - 1e-8)) << to_string(activation.kind);
  }
}

TEST(Activations, HaveAnAlphaWhereTheirValuesDependOnIt) {
  for (const ActivationKind kind : all_activations()) {
    const bool depends = phi<double>({.kind = kind, .alpha = 0.25}, -1.0) !=
                         phi<double>({.kind = kind, .alpha = 0.5}, -1.0);
    EXPECT_EQ(has_alpha(kind), depends) << to_string(kind);
  }
}

}  // namespace
}  // namespace idl::test
