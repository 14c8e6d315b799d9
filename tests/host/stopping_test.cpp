// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>

#include "tests/host/dense_oracle.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// When the loops stop, and what their reports then say.
namespace idl::test {
namespace {

template <class C>
class Stopping : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  ImplicitModel<Scalar> model_of(const std::vector<double>& A, const std::vector<double>& B,
                                 Activation activation = {}) {
    const auto n = static_cast<index_t>(std::lround(std::sqrt(static_cast<double>(A.size()))));
    const auto p = static_cast<index_t>(B.size()) / n;
    ImplicitModel<Scalar> model(
        this->context(), {n, p, 1},
        {.activation = activation, .well_posedness = WellPosedness::none()});
    this->put(model.A(), A);
    this->put(model.B(), B);
    return model;
  }

  /// The rule `step`, written down naively: applications of the map per column until
  /// the step is at most absolute + relative·‖x‖∞.
  struct Naive {
    std::vector<std::int32_t> iterations;
    std::vector<double> steps;
    Dense<double> X;
  };
  static Naive naive(const Dense<double>& A, const Dense<double>& Z, const Activation& activation,
                     const Tolerance& tolerance, Dense<double> X) {
    Naive result{{}, {}, std::move(X)};
    for (std::size_t j = 0; j < Z.cols; ++j) {
      std::vector<double> x(A.rows);
      for (std::size_t i = 0; i < A.rows; ++i) x[i] = result.X(i, j);
      std::int32_t k = 0;
      double step = std::numeric_limits<double>::infinity();
      for (bool done = false; !done && k < tolerance.max_iterations; ++k) {
        double norm = step = 0.0;
        std::vector<double> next(A.rows);
        for (std::size_t i = 0; i < A.rows; ++i) {
          double s = Z(i, j);
          for (std::size_t l = 0; l < A.rows; ++l) s += A(i, l) * x[l];
          next[i] = phi(activation, s);
          step = std::max(step, std::abs(next[i] - x[i]));
          norm = std::max(norm, std::abs(next[i]));
        }
        x = next;
        done = step <= tolerance.absolute + tolerance.relative * norm;
      }
      result.iterations.push_back(k);
      result.steps.push_back(step);
      for (std::size_t i = 0; i < A.rows; ++i) result.X(i, j) = x[i];
    }
    return result;
  }
};
TYPED_TEST_SUITE(Stopping, AllCases, CaseNames);

TYPED_TEST(Stopping, ZeroIterationsGiveTheStart) {
  const auto model = this->model_of({0.5, 0.0, 0.0, 0.5}, {1.0, 1.0});
  const auto U = this->matrix(1, 2, {1.0, 2.0});
  SolverOptions options;
  options.forward.max_iterations = 0;
  const auto from_zero = model.predict(this->context(), U.view(), options);
  EXPECT_EQ(this->fetch_double(from_zero.X.view()), std::vector<double>(4, 0.0));
  const auto X0 = this->matrix(2, 2, {1.0, 2.0, 3.0, 4.0});
  const auto from_X0 = model.predict(this->context(), U.view(), options, X0.view());
  EXPECT_EQ(this->fetch_double(from_X0.X.view()), (std::vector<double>{1.0, 2.0, 3.0, 4.0}));
  for (const SolveReport* report : {&from_zero.report, &from_X0.report}) {
    EXPECT_EQ(report->iterations, (std::vector<std::int32_t>{0, 0}));
    EXPECT_EQ(report->count(SolveStatus::max_iterations), 2U);
    EXPECT_TRUE(std::isinf(report->worst_error_bound()));
  }
  EXPECT_EQ(this->take_warnings().size(), 2U);
}

TYPED_TEST(Stopping, OneIterationAppliesTheMapOnce) {
  const auto model = this->model_of({0.5, 0.0, 0.25, 0.5}, {1.0, -1.0});
  const auto U = this->matrix(1, 2, {1.0, 2.0});
  SolverOptions options;
  options.forward.max_iterations = 1;
  const auto from_zero = model.predict(this->context(), U.view(), options);
  EXPECT_EQ(this->fetch_double(from_zero.X.view()), (std::vector<double>{1.0, 0.0, 2.0, 0.0}));
  EXPECT_EQ(from_zero.report.step, (std::vector<double>{1.0, 2.0}));
  const auto X0 = this->matrix(2, 2, {4.0, 8.0, 4.0, 12.0});
  const auto from_X0 = model.predict(this->context(), U.view(), options, X0.view());
  // relu(½·4 + ¼·8 + 1) = 5, relu(½·8 − 1) = 3; relu(2 + 3 + 2) = 7, relu(6 − 2) = 4.
  EXPECT_EQ(this->fetch_double(from_X0.X.view()), (std::vector<double>{5.0, 3.0, 7.0, 4.0}));
  EXPECT_EQ(from_X0.report.step, (std::vector<double>{5.0, 8.0}));
  for (const SolveReport* report : {&from_zero.report, &from_X0.report}) {
    EXPECT_EQ(report->iterations, (std::vector<std::int32_t>{1, 1}));
    EXPECT_EQ(report->count(SolveStatus::max_iterations), 2U);
  }
  EXPECT_EQ(this->take_warnings().size(), 2U);
}

// Entries ±¼ and ±½ and integers: every sum is exact in float for the 14 iterations that 2⁻⁸ of
// the state takes, so that counts, steps and states agree to the bit.
TYPED_TEST(Stopping, CountsAsTheNaiveLoopDoes) {
  RandomValues random(41);
  constexpr index_t k_n = 6;
  constexpr index_t k_m = 20;
  std::vector<double> A(k_n * k_n, 0.0);
  for (std::size_t i = 0; i < k_n; ++i) {
    A[i + static_cast<std::size_t>(random.integer(0, 2)) * k_n] =
        random.unit() < 0.5 ? -0.25 : 0.25;
    A[i + static_cast<std::size_t>(random.integer(3, 5)) * k_n] =
        random.unit() < 0.3 ? -0.25 : 0.25;
  }
  std::vector<double> B(k_n * 2);
  for (double& value : B) value = static_cast<double>(random.integer(-2, 2));
  std::vector<double> U(2 * k_m);
  std::vector<double> X0(k_n * k_m);
  for (double& value : U) value = static_cast<double>(random.integer(-4, 4));
  for (double& value : X0) value = static_cast<double>(random.integer(0, 9));
  const auto device_U = this->matrix(2, k_m, U);
  const auto device_X0 = this->matrix(k_n, k_m, X0);
  for (const ActivationKind kind : {ActivationKind::relu, ActivationKind::identity}) {
    const auto model = this->model_of(A, B, {kind});
    const Dense<double> dense_A(k_n, k_n, A);
    const Dense<double> Z = multiply(Dense<double>(k_n, 2, B), Dense<double>(2, k_m, U));
    for (const Tolerance& tolerance :
         {Tolerance{.absolute = 0x1p-6}, Tolerance{.absolute = 0.0, .relative = 0x1p-8},
          Tolerance{.absolute = 0x1p-7, .relative = 0x1p-8}, Tolerance{.max_iterations = 3}}) {
      for (const bool warm : {false, true}) {
        const auto expected =
            this->naive(dense_A, Z, {kind}, tolerance,
                        warm ? Dense<double>(k_n, k_m, X0) : Dense<double>(k_n, k_m));
        const auto given =
            warm ? model.predict(this->context(), device_U.view(), {.forward = tolerance},
                                 device_X0.view())
                 : model.predict(this->context(), device_U.view(), {.forward = tolerance});
        EXPECT_EQ(given.report.iterations, expected.iterations);
        EXPECT_EQ(given.report.step, expected.steps);
        EXPECT_EQ(this->fetch_double(given.X.view()), expected.X.values);
      }
    }
  }
  this->take_warnings();
}

TYPED_TEST(Stopping, LargeInputsConvergeWithARelativeTolerance) {
  using T = typename TypeParam::Scalar;
  RandomValues random(42);
  ImplicitModel<T> model(this->context(), {60, 8, 3});
  this->put(model.A(), random.matrix_of_norm(60, 0.9));
  this->put(model.B(), random.uniforms(60 * 8, -1.0, 1.0));
  model.project(this->context());
  const auto U = this->matrix(8, 50, random.uniforms(8 * 50, -1e5, 1e5));
  SolverOptions relative;
  relative.forward = {.absolute = 0.0, .relative = 1e-5};
  const auto prediction = model.predict(this->context(), U.view(), relative);
  EXPECT_TRUE(prediction.report.all_converged());
  for (std::size_t j = 0; j < 50; ++j) EXPECT_LT(prediction.report.step[j], 1e-5 * 1e7);

  // The absolute default cannot be met in float at this size: the solve says that rounding stops
  // it, and does so long before max_iterations.
  const auto absolute = model.predict(this->context(), U.view());
  const std::size_t stagnated = absolute.report.count(SolveStatus::stagnated);
  EXPECT_EQ(stagnated + absolute.report.count(SolveStatus::converged), 50U);
  if (std::is_same_v<T, float>) {
    EXPECT_GT(stagnated, 0U);
    EXPECT_EQ(this->take_warnings().size(), 1U);
    for (std::size_t j = 0; j < 50; ++j) {
      // Where no bit changed any more, the step is zero.
      const bool converged = absolute.report.status[j] == SolveStatus::converged;
      EXPECT_TRUE(!converged || absolute.report.step[j] == 0.0) << j;
    }
  } else {
    EXPECT_EQ(stagnated, 0U);
  }
}

TYPED_TEST(Stopping, AMapOfPeriodTwoIsReportedAndNotLoopedForEver) {
  const auto model = this->model_of({-1.0}, {1.0}, {ActivationKind::identity});
  const auto U = this->matrix(1, 1, {1.0});
  const auto prediction = model.predict(this->context(), U.view());
  // 0, 1, 0, 1, ...: after 300 steps of size 1 it is where it was.
  EXPECT_EQ(prediction.report.status[0], SolveStatus::max_iterations);
  EXPECT_EQ(prediction.report.iterations[0], 300);
  EXPECT_EQ(prediction.report.step[0], 1.0);
  EXPECT_EQ(this->fetch(prediction.X.view())[0], 0.0);
  EXPECT_TRUE(std::isinf(prediction.report.error_bound[0]));
  EXPECT_EQ(this->take_warnings().size(), 1U);
}

TYPED_TEST(Stopping, EachColumnStopsOnItsOwn) {
  // x <- ½x + u needs one iteration more for each doubling of u.
  const auto model = this->model_of({0.5}, {1.0}, {ActivationKind::identity});
  std::vector<double> U = {0.0};
  for (int k = 0; k < 10; ++k) U.push_back(std::ldexp(1.0, k));
  const auto device_U = this->matrix(1, 11, U);
  SolverOptions options;
  options.forward = {.absolute = 0x1p-4};
  const auto prediction = model.predict(this->context(), device_U.view(), options);
  EXPECT_TRUE(prediction.report.all_converged());
  EXPECT_EQ(prediction.report.iterations[0], 1);
  // The k-th step is u·2^(1−k).
  for (std::size_t j = 1; j < 11; ++j) {
    EXPECT_EQ(prediction.report.iterations[j], static_cast<std::int32_t>(j) + 4);
    EXPECT_EQ(prediction.report.step[j], 0x1p-4);
    EXPECT_EQ(static_cast<double>(this->fetch(prediction.X.view())[j]), 2.0 * U[j] - 0x1p-4);
  }
}

TYPED_TEST(Stopping, TheCertifiedRuleStopsLaterByTheFactorOfTheBound) {
  // κ = ¾: κ/(1−κ)·step = 3·step <= 2⁻⁶.
  const auto model = this->model_of({0.75}, {1.0}, {ActivationKind::identity});
  const auto U = this->matrix(1, 1, {1.0});
  SolverOptions by_step;
  by_step.forward = {.absolute = 0x1p-6};
  SolverOptions by_bound = by_step;
  by_bound.forward.rule = StopRule::certified_bound;
  const auto stepped = model.predict(this->context(), U.view(), by_step);
  const auto bounded = model.predict(this->context(), U.view(), by_bound);
  // The k-th step is 0.75^(k−1): 0.75^15 = 0.0134 <= 1/64 = 0.0156 and 0.75^19 = 0.00423 <= 1/192.
  EXPECT_EQ(stepped.report.iterations[0], 16);
  EXPECT_EQ(bounded.report.iterations[0], 20);
  EXPECT_LE(std::abs(4.0 - static_cast<double>(this->fetch(bounded.X.view())[0])), 0x1p-6);
  EXPECT_GT(std::abs(4.0 - static_cast<double>(this->fetch(stepped.X.view())[0])), 0x1p-6);
}

TYPED_TEST(Stopping, TheCertifiedRuleNeverHoldsWithoutAContraction) {
  const auto model = this->model_of({0.0, 0.0, 2.0, 0.0}, {1.0, 1.0}, {ActivationKind::identity});
  const auto U = this->matrix(1, 1, {1.0});
  SolverOptions options;
  options.forward = {.max_iterations = 1, .absolute = 1e3, .rule = StopRule::certified_bound};
  const auto prediction = model.predict(this->context(), U.view(), options);
  EXPECT_EQ(prediction.report.status[0], SolveStatus::max_iterations);
  EXPECT_EQ(this->take_warnings().size(), 1U);
}

TYPED_TEST(Stopping, ATriangularModelIsSolvedInOneIteration) {
  using T = typename TypeParam::Scalar;
  constexpr index_t k_n = 40;
  RandomValues random(43);
  ImplicitModel<T> model(
      this->context(), {k_n, 3, 1},
      {.activation = {}, .well_posedness = WellPosedness::strictly_upper_triangular()});
  // Small integers, few of them: every number below stays an integer that both types hold, and
  // ‖A‖∞ is well above 1.
  std::vector<double> A(k_n * k_n, 0.0);
  for (std::size_t i = 0; i + 1 < k_n; ++i) {
    A[i + (i + 1) * k_n] = random.unit() < 0.5 ? 1.0 : -1.0;
    if (i + 3 < k_n) A[i + (i + 3) * k_n] = i % 8 == 0 ? 2.0 : 0.0;
  }
  this->put(model.A(), A);
  std::vector<double> B(k_n * 3);
  for (double& value : B) value = static_cast<double>(random.integer(-1, 2));
  this->put(model.B(), B);
  std::vector<double> U(3 * 4);
  for (double& value : U) value = static_cast<double>(random.integer(0, 2));
  const auto device_U = this->matrix(3, 4, U);
  const auto prediction = model.predict(this->context(), device_U.view());
  EXPECT_TRUE(prediction.report.all_converged());
  EXPECT_EQ(prediction.report.iterations, std::vector<std::int32_t>(4, 1));
  EXPECT_GT(prediction.report.contraction, 2.0);
  // By substitution from the last state.
  const Dense<double> Z = multiply(Dense<double>(k_n, 3, B), Dense<double>(3, 4, U));
  std::vector<double> expected(k_n * 4, 0.0);
  for (std::size_t j = 0; j < 4; ++j)
    for (std::size_t i = k_n; i-- > 0;) {
      double s = Z(i, j);
      for (std::size_t l = i + 1; l < k_n; ++l) s += A[i + l * k_n] * expected[l + j * k_n];
      expected[i + j * k_n] = std::max(s, 0.0);
    }
  EXPECT_EQ(this->fetch_double(prediction.X.view()), expected);
  // A is nilpotent, so there is a bound although ‖A‖∞ > 1.
  EXPECT_TRUE(std::isfinite(prediction.report.worst_error_bound()));
  SolverOptions none;
  none.forward.max_iterations = 0;
  const auto unsolved = model.predict(this->context(), device_U.view(), none);
  EXPECT_EQ(unsolved.report.count(SolveStatus::max_iterations), 4U);
  EXPECT_EQ(unsolved.report.max_iterations_used(), 0);
  EXPECT_EQ(this->take_warnings().size(), 1U);
}

TYPED_TEST(Stopping, AFixedPointAsStartNeedsOneIteration) {
  const auto model = this->model_of({0.5}, {1.0}, {ActivationKind::identity});
  const auto U = this->matrix(1, 1, {3.0});
  const auto X0 = this->matrix(1, 1, {6.0});
  SolverOptions options;
  options.forward = {.absolute = 0.0};
  const auto prediction = model.predict(this->context(), U.view(), options, X0.view());
  EXPECT_TRUE(prediction.report.all_converged());
  EXPECT_EQ(prediction.report.iterations[0], 1);
  EXPECT_EQ(prediction.report.step[0], 0.0);
}

}  // namespace
}  // namespace idl::test
