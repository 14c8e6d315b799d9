// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <thread>

#include "tests/host/dense_oracle.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// predict() as its users see it.
namespace idl::test {
namespace {

template <class C>
class Inference : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  ImplicitModel<Scalar> random_model(std::uint64_t seed, ModelOptions options = {},
                                     ModelShape shape = {24, 7, 4}) {
    RandomValues random(seed);
    ImplicitModel<Scalar> model(this->context(), shape, options);
    this->put(model.A(), random.matrix_of_norm(shape.states, 0.9));
    this->put(model.B(), random.uniforms(shape.states * model.input_rows(), -1.0, 1.0));
    this->put(model.C(), random.uniforms(shape.outputs * shape.states, -1.0, 1.0));
    this->put(model.D(), random.uniforms(shape.outputs * model.input_rows(), -1.0, 1.0));
    model.project(this->context());
    return model;
  }
};
TYPED_TEST_SUITE(Inference, AllCases, CaseNames);

TYPED_TEST(Inference, AgreesWithADenseSolveWithAndWithoutBiasAndD) {
  using T = typename TypeParam::Scalar;
  constexpr std::size_t k_m = 11;
  for (const bool bias : {false, true}) {
    for (const bool no_D : {false, true}) {
      SCOPED_TRACE(std::string(bias ? "bias " : "") + (no_D ? "no_D" : ""));
      const auto model = this->random_model(51, {.bias = bias, .no_D = no_D});
      RandomValues random(52);
      const std::vector<double> U = random.uniforms(7 * k_m, -1.0, 1.0);
      const auto device_U = this->matrix(7, k_m, U);
      SolverOptions options;
      options.forward = {.max_iterations = 2000, .absolute = 1e-6, .relative = 1e-6};
      const auto prediction = model.predict(this->context(), device_U.view(), options);
      ASSERT_TRUE(prediction.report.all_converged());

      const std::size_t rows = bias ? 8 : 7;
      Dense<double> extended(rows, k_m);
      for (std::size_t j = 0; j < k_m; ++j) {
        for (std::size_t i = 0; i < 7; ++i) extended(i, j) = static_cast<T>(U[i + 7 * j]);
        if (bias) extended(7, j) = 1.0;
      }
      const Dense<double> A(24, 24, this->fetch(model.A()));
      const Dense<double> Z = multiply(Dense<double>(24, rows, this->fetch(model.B())), extended);
      Dense<double> X(24, k_m);
      for (std::size_t j = 0; j < k_m; ++j) {
        const std::vector<double> z(Z.values.begin() + static_cast<std::ptrdiff_t>(24 * j),
                                    Z.values.begin() + static_cast<std::ptrdiff_t>(24 * (j + 1)));
        const auto solution =
            solve_equilibrium(A, z, model.options().activation, std::vector<double>(24, 0.0));
        std::copy(solution.x.begin(), solution.x.end(),
                  X.values.begin() + static_cast<std::ptrdiff_t>(24 * j));
      }
      Dense<double> Y = multiply(Dense<double>(4, 24, this->fetch(model.C())), X);
      const Dense<double> DU = multiply(Dense<double>(4, rows, this->fetch(model.D())), extended);
      for (std::size_t k = 0; k < Y.values.size(); ++k) {
        EXPECT_TRUE(!no_D || DU.values[k] == 0.0);
        Y.values[k] += DU.values[k];
      }
      const double bound = prediction.report.worst_error_bound();
      ASSERT_LT(bound, 1e-2);
      EXPECT_LE(max_difference(this->fetch_double(prediction.X.view()), X.values), bound);
      // Rows of C have 24 entries of at most 1; the products of Y are rounded in T.
      EXPECT_LE(max_difference(this->fetch_double(prediction.Y.view()), Y.values), 25.0 * bound);
    }
  }
}

TYPED_TEST(Inference, DoesNotChangeTheModel) {
  using T = typename TypeParam::Scalar;
  // An A outside the ball, which a projection would change.
  ImplicitModel<T> model(this->context(), {6, 3, 2}, {}, 9);
  RandomValues random(53);
  this->put(model.A(), random.matrix_of_norm(6, 1.7));
  const std::vector<T> before = this->fetch(model.M());
  const auto U = this->matrix(3, 5, random.uniforms(15, -1.0, 1.0));
  const auto& constant = model;
  (void)constant.predict(this->context(), U.view());
  this->take_warnings();
  EXPECT_TRUE(same_bits(this->fetch(model.M()), before));
}

TYPED_TEST(Inference, DoesNotChangeItsInput) {
  RandomValues random(54);
  const auto model = this->random_model(54);
  const auto U = this->matrix(7, 3, random.uniforms(21, -1.0, 1.0));
  const auto before = this->fetch(U.view());
  (void)model.predict(this->context(), U.view());
  EXPECT_TRUE(same_bits(this->fetch(U.view()), before));
}

TYPED_TEST(Inference, GivesFloat64ForFloat64AndFloat32ForFloat32) {
  using T = typename TypeParam::Scalar;
  const auto model = this->random_model(55);
  const auto U = this->matrix(7, 1, RandomValues(56).uniforms(7, -1.0, 1.0));
  SolverOptions tight;
  tight.forward = {.max_iterations = 5000, .absolute = 0.0, .relative = 1e-6};
  if (std::is_same_v<T, double>) tight.forward.relative = 1e-14;
  auto prediction = model.predict(this->context(), U.view(), tight);
  static_assert(std::is_same_v<decltype(prediction.Y), Matrix<T>>);
  ASSERT_TRUE(prediction.report.all_converged());
  // In double the certificate is far below what float could hold: nothing was rounded to float on
  // the way.
  if (std::is_same_v<T, double>)
    EXPECT_LT(prediction.report.worst_error_bound(), 1e-11);
  else
    EXPECT_LT(prediction.report.worst_error_bound(), 1e-2);
}

TYPED_TEST(Inference, OfNoSamplesGivesNoOutputs) {
  const auto model = this->random_model(57);
  const auto U = this->matrix(7, 0, {});
  const auto prediction = model.predict(this->context(), U.view());
  EXPECT_EQ(prediction.Y.rows(), 4);
  EXPECT_EQ(prediction.Y.cols(), 0);
  EXPECT_EQ(prediction.report.status.size(), 0U);
  EXPECT_TRUE(prediction.report.all_converged());
}

TYPED_TEST(Inference, TakesBatchesLargerThanOneTileAsOneAnswer) {
  const auto model = this->random_model(58, {}, {3, 7, 2});
  RandomValues random(59);
  const std::vector<double> U = random.uniforms(7 * 1037, -1.0, 1.0);
  const auto device_U = this->matrix(7, 1037, U);
  const auto all = model.predict(this->context(), device_U.view());
  ASSERT_EQ(all.report.status.size(), 1037U);
  ASSERT_EQ(all.report.error_bound.size(), 1037U);
  EXPECT_TRUE(all.report.all_converged());
  const auto Y = this->fetch_double(all.Y.view());
  for (const index_t j : {0, 255, 256, 1000, 1036}) {
    const auto one = model.predict(this->context(), device_U.view().columns(j, 1));
    const std::vector<double> expected = this->fetch_double(one.Y.view());
    EXPECT_NEAR(Y[static_cast<std::size_t>(2 * j)], expected[0], 1e-3) << j;
    EXPECT_NEAR(Y[static_cast<std::size_t>(2 * j + 1)], expected[1], 1e-3) << j;
  }
}

TYPED_TEST(Inference, TakesAWindowOfALargerMatrixAsInput) {
  const auto model = this->random_model(60);
  RandomValues random(61);
  const auto all = this->matrix(12, 9, random.uniforms(12 * 9, -1.0, 1.0));
  const auto window = all.view().block(3, 2, 7, 5);
  const auto values = this->fetch_double(window);
  const auto copy = this->matrix(7, 5, values);
  const auto from_window = model.predict(this->context(), window);
  const auto from_copy = model.predict(this->context(), copy.view());
  EXPECT_TRUE(same_bits(this->fetch(from_window.Y.view()), this->fetch(from_copy.Y.view())));
}

TYPED_TEST(Inference, OfTwoModelsInOneProcessKeepsTheirOptionsApart) {
  const auto wide = this->random_model(62, {.well_posedness = WellPosedness::inf_norm_ball(0.9)});
  auto narrow = this->random_model(62, {.well_posedness = WellPosedness::inf_norm_ball(0.3)});
  const auto U = this->matrix(7, 4, RandomValues(63).uniforms(28, -1.0, 1.0));
  SolverOptions loose;
  loose.forward.absolute = 1e-1;
  const auto first = wide.predict(this->context(), U.view());
  const auto between = narrow.predict(this->context(), U.view(), loose);
  const auto second = wide.predict(this->context(), U.view());
  EXPECT_NEAR(first.report.contraction, 0.9, 1e-5);
  EXPECT_NEAR(between.report.contraction, 0.3, 1e-5);
  EXPECT_LT(between.report.max_iterations_used(), first.report.max_iterations_used());
  EXPECT_TRUE(same_bits(this->fetch(first.X.view()), this->fetch(second.X.view())));
  EXPECT_EQ(first.report.iterations, second.report.iterations);
  EXPECT_EQ(first.report.step, second.report.step);
  narrow.project(this->context());
  EXPECT_EQ(wide.options().well_posedness.kappa, 0.9);
}

TYPED_TEST(Inference, ConcurrentFromSeveralThreadsGivesTheBitsOfOne) {
  using T = typename TypeParam::Scalar;
  const auto model = this->random_model(64, {}, {48, 7, 4});
  constexpr std::size_t k_threads = 4;
  std::vector<std::vector<double>> U;
  std::vector<std::vector<T>> expected;
  for (std::size_t k = 0; k < k_threads; ++k) {
    U.push_back(RandomValues(65 + k).uniforms(7 * 33, -1.0, 1.0));
    const auto prediction = model.predict(this->context(), this->matrix(7, 33, U.back()).view());
    expected.push_back(this->fetch(prediction.Y.view()));
  }
  std::vector<std::vector<T>> given(k_threads);
  std::vector<std::thread> threads;
  for (std::size_t k = 0; k < k_threads; ++k) {
    threads.emplace_back([&, k] {
      Context own(this->device());
      const std::vector<T> values(U[k].begin(), U[k].end());
      const auto device_U = Matrix<T>::from_host(own, 7, 33, values);
      for (int round = 0; round < 5; ++round)
        given[k] = download(own, model.predict(own, device_U.view()).Y);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t k = 0; k < k_threads; ++k)
    EXPECT_TRUE(same_bits(given[k], expected[k])) << "thread " << k;
}

template <class C>
class Warnings : public Inference<C> {};
TYPED_TEST_SUITE(Warnings, AllCases, CaseNames);

TYPED_TEST(Warnings, OnePerPredictionWithCountsAndTheWorstResidual) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model(
      this->context(), {1, 1, 1},
      {.activation = {ActivationKind::identity}, .well_posedness = WellPosedness::none()});
  this->put(model.A(), {0.5});
  this->put(model.B(), {1.0});
  // More columns than one tile holds: three of them too large to converge in four iterations.
  std::vector<double> U(700, 0.0);
  U[3] = 1024.0;
  U[300] = 2048.0;
  U[699] = std::numeric_limits<double>::quiet_NaN();
  const auto device_U = this->matrix(1, 700, U);
  SolverOptions options;
  options.forward.max_iterations = 4;
  const auto prediction = model.predict(this->context(), device_U.view(), options);
  EXPECT_EQ(prediction.report.count(SolveStatus::converged), 697U);
  const std::vector<std::string> warnings = this->take_warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(holds(warnings[0], {"predict", "3 of 700", "2 at max_iterations", "1 diverged",
                                  "0 stagnated", "worst residual"}));
}

TYPED_TEST(Warnings, NameTheWorstResidual) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model(
      this->context(), {1, 1, 1},
      {.activation = {ActivationKind::identity}, .well_posedness = WellPosedness::none()});
  this->put(model.A(), {0.5});
  this->put(model.B(), {1.0});
  const auto U = this->matrix(1, 3, {0.0, 1024.0, 2048.0});
  SolverOptions options;
  options.forward.max_iterations = 4;
  const auto prediction = model.predict(this->context(), U.view(), options);
  // x_4 − x_3 = u/8, so the residual of x_4 is u/16 = 128, and a little rounding.
  EXPECT_NEAR(prediction.report.residual[2], 128.0, 1e-2);
  const std::vector<std::string> warnings = this->take_warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(holds(warnings[0], {"2 of 3", "worst residual 128"}));
}

TYPED_TEST(Warnings, AreNotGivenWhereAllConverged) {
  const auto model = this->random_model(70);
  const auto U = this->matrix(7, 600, RandomValues(71).uniforms(7 * 600, -1.0, 1.0));
  (void)model.predict(this->context(), U.view());
  EXPECT_TRUE(this->take_warnings().empty());
}

}  // namespace
}  // namespace idl::test
