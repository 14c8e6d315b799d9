// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// One bad column harms no other: its status says what happened to it, and the others keep their
/// bits.
namespace idl::test {
namespace {

constexpr index_t k_samples = 9;
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
constexpr double k_infinity = std::numeric_limits<double>::infinity();

template <class C>
class ColumnIsolation : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  struct Outcome {
    SolveReport forward;
    SolveReport backward;
    std::vector<Scalar> X, Y, V, dU;
  };

  Outcome run(const ImplicitModel<Scalar>& model, const std::vector<double>& U,
              const std::vector<double>& dY) {
    BatchPass<Scalar> pass(this->context(), model, k_samples, {.input_gradient = true});
    this->put(pass.U(), U);
    this->put(pass.dY(), dY);
    Outcome outcome;
    outcome.forward = pass.forward();
    outcome.backward = pass.backward();
    outcome.X = this->fetch(pass.X());
    outcome.Y = this->fetch(pass.Y());
    outcome.V = this->fetch(pass.V());
    outcome.dU = this->fetch(pass.dU());
    return outcome;
  }

  /// All columns but `bad` have the same bits in both outcomes.
  static void expect_others_equal(const Outcome& a, const Outcome& b, std::size_t bad) {
    const auto check = [&](const std::vector<Scalar>& x, const std::vector<Scalar>& y,
                           const char* name) {
      const std::size_t rows = x.size() / k_samples;
      for (std::size_t j = 0; j < k_samples; ++j) {
        if (j == bad) continue;
        EXPECT_TRUE(
            same_bits(std::span(x).subspan(j * rows, rows), std::span(y).subspan(j * rows, rows)))
            << name << ", column " << j;
      }
    };
    check(a.X, b.X, "X");
    check(a.Y, b.Y, "Y");
    check(a.V, b.V, "V");
    check(a.dU, b.dU, "dU");
    for (std::size_t j = 0; j < k_samples; ++j) {
      if (j == bad) continue;
      EXPECT_EQ(a.forward.status[j], b.forward.status[j]) << j;
      EXPECT_EQ(a.forward.iterations[j], b.forward.iterations[j]) << j;
      EXPECT_EQ(a.forward.step[j], b.forward.step[j]) << j;
      EXPECT_EQ(a.forward.error_bound[j], b.forward.error_bound[j]) << j;
      EXPECT_EQ(a.backward.status[j], b.backward.status[j]) << j;
      EXPECT_EQ(a.backward.iterations[j], b.backward.iterations[j]) << j;
    }
  }

  ImplicitModel<Scalar> random_model(RandomValues& random, Activation activation) {
    ImplicitModel<Scalar> model(this->context(), {20, 6, 4}, {.activation = activation});
    this->put(model.A(), random.matrix_of_norm(20, 0.9));
    this->put(model.B(), random.uniforms(20 * 6, -1.0, 1.0));
    this->put(model.C(), random.uniforms(4 * 20, -1.0, 1.0));
    this->put(model.D(), random.uniforms(4 * 6, -1.0, 1.0));
    model.project(this->context());
    return model;
  }
};
TYPED_TEST_SUITE(ColumnIsolation, AllCases, CaseNames);

TYPED_TEST(ColumnIsolation, ANaNInOneSampleStaysThere) {
  for (const ActivationKind kind : all_activations()) {
    if (lipschitz_constant({kind}) > 1.0) continue;
    SCOPED_TRACE(to_string(kind));
    RandomValues random(21);
    const auto model = this->random_model(random, {kind});
    std::vector<double> U = random.uniforms(6 * k_samples, -1.0, 1.0);
    const std::vector<double> dY = random.uniforms(4 * k_samples, -1.0, 1.0);
    const auto healthy = this->run(model, U, dY);
    ASSERT_TRUE(healthy.forward.all_converged());
    ASSERT_TRUE(healthy.backward.all_converged());
    U[6 * 4 + 2] = k_nan;
    const auto ill = this->run(model, U, dY);
    EXPECT_EQ(this->take_warnings().size(), 2U);  // one of each solve
    this->expect_others_equal(healthy, ill, 4);
    EXPECT_EQ(ill.forward.status[4], SolveStatus::diverged);
    EXPECT_TRUE(std::isinf(ill.forward.error_bound[4]));
    EXPECT_EQ(ill.forward.count(SolveStatus::diverged), 1U);
    EXPECT_EQ(ill.backward.status[4], SolveStatus::diverged);
    for (std::size_t i = 4 * 4; i < 4 * 5; ++i) EXPECT_TRUE(std::isnan(ill.Y[i])) << i;
  }
}

TYPED_TEST(ColumnIsolation, AnInfinityInOneSampleStaysThere) {
  RandomValues random(22);
  const auto model = this->random_model(random, {});
  std::vector<double> U = random.uniforms(6 * k_samples, -1.0, 1.0);
  const std::vector<double> dY = random.uniforms(4 * k_samples, -1.0, 1.0);
  const auto healthy = this->run(model, U, dY);
  U[6 * 8] = k_infinity;
  const auto ill = this->run(model, U, dY);
  this->take_warnings();
  this->expect_others_equal(healthy, ill, 8);
  EXPECT_EQ(ill.forward.status[8], SolveStatus::diverged);
}

TYPED_TEST(ColumnIsolation, ANaNInOneOutputGradientStaysThere) {
  RandomValues random(23);
  const auto model = this->random_model(random, {});
  const std::vector<double> U = random.uniforms(6 * k_samples, -1.0, 1.0);
  std::vector<double> dY = random.uniforms(4 * k_samples, -1.0, 1.0);
  const auto healthy = this->run(model, U, dY);
  dY[4 * 3 + 1] = k_nan;
  const auto ill = this->run(model, U, dY);
  EXPECT_EQ(this->take_warnings().size(), 1U);
  this->expect_others_equal(healthy, ill, 3);
  EXPECT_TRUE(ill.forward.all_converged());
  EXPECT_EQ(ill.backward.status[3], SolveStatus::diverged);
}

TYPED_TEST(ColumnIsolation, AColumnThatGrowsWithoutBoundIsReportedAndHarmsNoOther) {
  using T = typename TypeParam::Scalar;
  // State 0 grows a hundredfold per iteration where it is not zero; state 1 contracts.
  ImplicitModel<T> model(
      this->context(), {2, 2, 1},
      {.activation = {ActivationKind::identity}, .well_posedness = WellPosedness::none()});
  this->put(model.A(), {100.0, 0.0, 0.0, 0.5});
  this->put(model.B(), {1.0, 0.0, 0.0, 1.0});
  this->put(model.C(), {0.0, 1.0});
  this->put(model.D(), {0.0, 0.0});
  std::vector<double> U(2 * k_samples, 0.0);
  for (std::size_t j = 0; j < k_samples; ++j) U[2 * j + 1] = static_cast<double>(j) + 1.0;
  const std::vector<double> dY(k_samples, 1.0);
  const auto healthy = this->run(model, U, dY);
  ASSERT_TRUE(healthy.forward.all_converged());
  U[2 * 5] = 1e-3;
  const auto ill = this->run(model, U, dY);
  this->take_warnings();
  this->expect_others_equal(healthy, ill, 5);
  EXPECT_EQ(ill.forward.status[5], SolveStatus::diverged);
  // 1e-3·100^k passes the largest T after about 20 (float) or 155 (double) iterations.
  const double limit = std::log10(static_cast<double>(std::numeric_limits<T>::max()));
  EXPECT_NEAR(ill.forward.iterations[5], limit / 2.0 + 2.5, 2.0);
  EXPECT_FALSE(std::isfinite(ill.forward.residual[5]));
  // The others' states are 2u up to the tolerance of the step.
  for (std::size_t j = 0; j < k_samples; ++j) {
    if (j == 5) continue;
    EXPECT_NEAR(ill.X[2 * j + 1], 2.0 * (static_cast<double>(j) + 1.0), 1e-5) << j;
  }
}

}  // namespace
}  // namespace idl::test
