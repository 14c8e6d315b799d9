// SPDX-License-Identifier: MIT
// Optimisers of the C interface take the steps that those of C++ take.
#include <limits>

#include "idl/optimizer.hpp"
#include "tests/host/c_api_fixture.hpp"

namespace idl::test {
namespace {

template <class C>
class CApiOptimizer : public CApiFixture<C> {
 protected:
  using Element = typename C::Scalar;
  using Base = CApiFixture<C>;
  static constexpr std::int64_t k_rows = Base::k_n + Base::k_q;
  static constexpr std::int64_t k_cols = Base::k_n + Base::k_p;
  struct Moments {
    Element* first = nullptr;
    Element* second = nullptr;
    std::int64_t ld = k_rows;
  };

  idl_status create(const idl_trainer_settings& settings, const Moments& moments,
                    idl_optimizer** optimizer) {
    return idl_optimizer_create(this->c_context_.get(), this->c_model_.get(), &settings,
                                moments.first, moments.second, moments.ld, optimizer);
  }
  Handle<idl_optimizer> make_optimizer(const idl_trainer_settings& settings,
                                       const Moments& moments = {}) {
    return this->template made<idl_optimizer>(
        [&](idl_optimizer** optimizer) { return create(settings, moments, optimizer); });
  }
  static std::vector<Element> gradient(std::uint64_t seed) {
    return Base::values(k_rows * k_cols, seed);
  }
  /// Takes some steps with an optimiser of either interface. Returns that of C++.
  Optimizer<Element> take_steps(idl_optimizer* optimizer, const OptimizerOptions& options) {
    ImplicitModel<Element> model = this->cpp_model();
    Optimizer<Element> expected(this->context(), model, options);
    for (std::int64_t k = 1; k <= 4; ++k) {
      const double rate = 0.25 / static_cast<double>(k);
      const std::vector<Element> dM = gradient(static_cast<std::uint64_t>(k));
      const auto on_device = Matrix<Element>::from_host(this->context(), k_rows, k_cols, dM);
      expected.step(this->context(), model, on_device, rate);
      std::int32_t left_out = -1;
      EXPECT_EQ(
          idl_optimizer_step(optimizer, dM.data(), k_rows, IDL_MEMORY_HOST, rate, k, &left_out),
          IDL_STATUS_OK)
          << idl_last_error();
      EXPECT_EQ(left_out, 0);
    }
    EXPECT_EQ(this->parameters(this->c_model_.get()), this->fetch(model.M()));
    return expected;
  }
};
TYPED_TEST_SUITE(CApiOptimizer, AllCases, CaseNames);

TYPED_TEST(CApiOptimizer, TakesTheStepsOfCppAndProjects) {
  const double beta1 = 0.5, beta2 = 0.75, epsilon = 1e-3;
  auto settings = sized<idl_trainer_settings>();
  settings.optimizer = "adamw";
  settings.beta1 = &beta1;
  settings.beta2 = &beta2;
  settings.epsilon = &epsilon;
  settings.weight_decay = 0.125;
  settings.prox = 0.0625;
  settings.frozen = "D";
  const auto optimizer = this->make_optimizer(settings);
  this->take_steps(optimizer.get(), {.kind = OptimizerKind::adamw,
                                     .learning_rate = 1.0,
                                     .beta1 = beta1,
                                     .beta2 = beta2,
                                     .epsilon = epsilon,
                                     .weight_decay = 0.125,
                                     .prox = 0.0625,
                                     .frozen = "D"});
}

TYPED_TEST(CApiOptimizer, WorksOnTheCallersMoments) {
  using T = typename TypeParam::Scalar;
  constexpr auto rows = TestFixture::k_rows, cols = TestFixture::k_cols;
  auto first = Matrix<T>::zeros(this->context(), rows, cols);
  auto second = Matrix<T>::zeros(this->context(), rows, cols);
  this->context().synchronize();
  const auto adam = this->make_optimizer(sized<idl_trainer_settings>(),
                                         {first.data(), second.data(), first.ld()});
  auto expected = this->take_steps(adam.get(), {.learning_rate = 1.0});
  EXPECT_EQ(this->fetch(first), this->fetch(expected.first_moment()));
  EXPECT_EQ(this->fetch(second), this->fetch(expected.second_moment()));
}

TYPED_TEST(CApiOptimizer, OfOneMomentTakesAVelocity) {
  using T = typename TypeParam::Scalar;
  auto velocity = Matrix<T>::zeros(this->context(), TestFixture::k_rows, TestFixture::k_cols);
  this->context().synchronize();
  auto settings = sized<idl_trainer_settings>();
  settings.optimizer = "sgd";
  settings.momentum = 0.5;
  const auto sgd = this->make_optimizer(settings, {velocity.data(), nullptr, velocity.ld()});
  auto expected = this->take_steps(
      sgd.get(), {.kind = OptimizerKind::sgd, .learning_rate = 1.0, .momentum = 0.5});
  EXPECT_EQ(this->fetch(velocity), this->fetch(expected.first_moment()));
}

TYPED_TEST(CApiOptimizer, TellsOnceOfGradientsThatAreNotFinite) {
  using T = typename TypeParam::Scalar;
  const auto optimizer = this->make_optimizer(sized<idl_trainer_settings>());
  std::vector<T> dM(static_cast<std::size_t>(TestFixture::k_rows * TestFixture::k_cols), T{0});
  dM[3] = std::numeric_limits<T>::quiet_NaN();
  const std::vector<T> before = this->parameters(this->c_model_.get());
  for (const std::int32_t told : {1, 0}) {
    std::int32_t left_out = -1;
    ASSERT_EQ(idl_optimizer_step(optimizer.get(), dM.data(), TestFixture::k_rows, IDL_MEMORY_HOST,
                                 0.1, 1, &left_out),
              IDL_STATUS_OK)
        << idl_last_error();
    EXPECT_EQ(left_out, told);
    dM[3] = 0;
  }
  EXPECT_EQ(this->parameters(this->c_model_.get()), before);
}

TYPED_TEST(CApiOptimizer, RefusesWhatItCannotTake) {
  using T = typename TypeParam::Scalar;
  constexpr auto rows = TestFixture::k_rows;
  auto moment = Matrix<T>::zeros(this->context(), rows, TestFixture::k_cols);
  idl_optimizer* optimizer = nullptr;
  auto settings = sized<idl_trainer_settings>();
  const auto refused = [&](T* first, T* second, std::int64_t ld, const char* part) {
    expect_refused(this->create(settings, {first, second, ld}, &optimizer), part);
    EXPECT_EQ(optimizer, nullptr);
  };
  refused(moment.data(), nullptr, moment.ld(), "second is a null pointer");
  refused(nullptr, moment.data(), moment.ld(), "first is a null pointer");
  refused(moment.data(), moment.data(), rows - 1, "ldm is 7");
  settings.optimizer = "sgd";
  refused(moment.data(), moment.data(), moment.ld(), "sgd has one moment");
  settings.optimizer = "lion";
  refused(nullptr, nullptr, 0, "lion");
  settings.optimizer = "adam";
  settings.frozen = "Q";
  refused(nullptr, nullptr, 0, "'Q'");

  const auto adam = this->make_optimizer(sized<idl_trainer_settings>());
  const std::vector<T> dM = this->gradient(1);
  const auto step = [&](const void* data, std::int64_t ld, double rate, std::int64_t number) {
    return idl_optimizer_step(adam.get(), data, ld, IDL_MEMORY_HOST, rate, number, nullptr);
  };
  expect_refused(step(nullptr, rows, 0.1, 1), "dM is a null pointer");
  expect_refused(step(dM.data(), rows - 1, 0.1, 1), "lddm is 7");
  expect_refused(step(dM.data(), rows, -0.1, 1), "learning_rate");
  expect_refused(step(dM.data(), rows, std::numeric_limits<double>::quiet_NaN(), 1),
                 "learning_rate");
  expect_refused(step(dM.data(), rows, 0.1, 0), "step");
  expect_refused(idl_optimizer_step(nullptr, dM.data(), rows, IDL_MEMORY_HOST, 0.1, 1, nullptr),
                 "optimizer is a null pointer");
}

}  // namespace
}  // namespace idl::test
