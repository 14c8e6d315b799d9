// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <limits>

#include "tests/host/dense_oracle.hpp"
#include "tests/host/models_test.hpp"
#include "tests/host/random_values.hpp"

/// Anderson acceleration against Picard iteration on the same device and against a float64 solve.
namespace idl::test {
namespace {

template <class C>
class Anderson : public ModelsTest<C> {
 protected:
  static SolverOptions options(Acceleration acceleration, double tolerance = 3e-6) {
    SolverOptions result;
    result.forward.absolute = result.adjoint.absolute = tolerance;
    result.sweep = Sweep::jacobi;
    result.acceleration = acceleration;
    return result;
  }
};
TYPED_TEST_SUITE(Anderson, AllCases, CaseNames);

/// The bound of each report holds against Newton's method in double, and both find the same point.
TYPED_TEST(Anderson, FindsTheFixedPointWithinItsCertificate) {
  const index_t n = 30, p = 6;
  const auto size = static_cast<std::size_t>(n);
  for (const ActivationKind kind :
       {ActivationKind::relu, ActivationKind::tanh, ActivationKind::identity}) {
    RandomValues random(21);
    const auto model = this->model_of(n, p, random.matrix_of_norm(n, 0.95),
                                      random.uniforms(n * p, -1.0, 1.0), {kind});
    const auto U = this->matrix(p, k_samples, random.uniforms(p * k_samples, -1.0, 1.0));
    const auto answer =
        model.predict(this->context(), U.view(), this->options(Acceleration::anderson));
    EXPECT_TRUE(answer.report.all_converged());
    const Dense<double> A(size, size, this->fetch(model.A()));
    const Dense<double> Z =
        multiply(Dense<double>(size, static_cast<std::size_t>(p), this->fetch(model.B())),
                 Dense<double>(static_cast<std::size_t>(p), k_samples, this->fetch(U.view())));
    const Dense<double> X(size, k_samples, this->fetch(answer.X.view()));
    for (std::size_t j = 0; j < k_samples; ++j) {
      std::vector<double> z(size), x(size);
      for (std::size_t i = 0; i < size; ++i) z[i] = Z(i, j), x[i] = X(i, j);
      const auto exact = solve_equilibrium(A, z, {kind}, std::vector<double>(size, 0.0));
      const double bound = answer.report.error_bound[j];
      EXPECT_LE(max_difference(x, exact.x), bound);
      EXPECT_LE(bound, 20 * 3e-6 + 1e-3) << "a bound that says nothing";
      EXPECT_LE(answer.report.step[j], 3e-6);
    }
  }
}

TYPED_TEST(Anderson, TakesFewerIterationsThanPicardOnTrainedModels) {
  const Dataset data = make_dataset(200, 16, 3, 8);
  for (const index_t n : {30, 60}) {
    const auto model = this->trained_model(data, n);
    std::vector<SolveReport> forward, backward;
    for (const Acceleration acceleration : {Acceleration::none, Acceleration::anderson}) {
      BatchPass<typename TypeParam::Scalar> pass(this->context(), model, k_samples,
                                                 {.solver = this->options(acceleration)});
      copy<typename TypeParam::Scalar>(this->context(), this->inputs_of(data).view(), pass.U());
      forward.push_back(pass.forward());
      RandomValues random(2);
      this->put(pass.dY(), random.uniforms(3 * k_samples, -0.1, 0.1));
      backward.push_back(pass.backward());
    }
    for (const auto* reports : {&forward, &backward}) {
      const SolveReport &picard = (*reports)[0], &anderson = (*reports)[1];
      EXPECT_TRUE(anderson.all_converged());
      EXPECT_GT(picard.mean_iterations(), 10.0) << "too easy to show anything";
      for (std::size_t j = 0; j < k_samples; ++j)
        EXPECT_LE(anderson.iterations[j], picard.iterations[j]) << "column " << j;
      EXPECT_LE(anderson.mean_iterations(), 0.8 * picard.mean_iterations());
      EXPECT_EQ(picard.total_fallbacks(), 0);
    }
  }
}

TYPED_TEST(Anderson, GradientsAreThoseOfPicardIteration) {
  const index_t n = 25, p = 5;
  RandomValues random(5);
  auto model = this->model_of(n, p, random.matrix_of_norm(n, 0.9),
                              random.uniforms(n * p, -1.0, 1.0), {ActivationKind::tanh});
  const auto U = random.uniforms(p * k_samples, -1.0, 1.0);
  const auto dY = random.uniforms(3 * k_samples, -1.0, 1.0);
  const double tolerance = std::is_same_v<typename TypeParam::Scalar, float> ? 1e-6 : 1e-12;
  std::vector<std::vector<double>> gradients;
  for (const Acceleration acceleration : {Acceleration::none, Acceleration::anderson}) {
    BatchPass<typename TypeParam::Scalar> pass(this->context(), model, k_samples,
                                               {.solver = this->options(acceleration, tolerance)});
    this->put(pass.U(), U);
    EXPECT_TRUE(pass.forward().all_converged());
    this->put(pass.dY(), dY);
    EXPECT_TRUE(pass.backward().all_converged());
    gradients.push_back(this->fetch_double(pass.dM()));
  }
  // Errors of 10 tolerances in X and in V, in sums of k_samples products of numbers below 10.
  EXPECT_LE(max_difference(gradients[0], gradients[1]), 2 * 100 * k_samples * tolerance);
}

/// What is learned on one side of a kink misleads on the other.
TYPED_TEST(Anderson, SaysWhereItFellBackAndConvergesAllTheSame) {
  const index_t n = 40, p = 40;
  std::int64_t fallbacks = 0;
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    RandomValues random(seed);
    std::vector<double> B(static_cast<std::size_t>(n * p), 0.0);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
      B[i * static_cast<std::size_t>(n + 1)] = 1.0;
    // Two entries a row: steps shrink slowly, and now one unit is at its kink, now another.
    std::vector<double> A(B.size(), 0.0);
    for (index_t i = 0; i < n; ++i)
      for (int entry = 0; entry < 2; ++entry)
        A[static_cast<std::size_t>(i + n * random.integer(0, n - 1))] =
            random.unit() < 0.5 ? -0.49 : 0.49;
    const auto model = this->model_of(n, p, A, B);
    const auto U = this->matrix(p, 50, random.uniforms(p * 50, -1.0, 1.0));
    const auto report =
        model.predict(this->context(), U.view(), this->options(Acceleration::anderson, 1e-5))
            .report;
    EXPECT_TRUE(report.all_converged());
    EXPECT_EQ(report.fallbacks.size(), 50U);
    fallbacks += report.total_fallbacks();
  }
  EXPECT_GT(fallbacks, 0);
}

TYPED_TEST(Anderson, CountsIterationsAsPicardDoesAtTheLimitsAndFromAStart) {
  RandomValues random(9);
  const auto model =
      this->model_of(8, 4, random.matrix_of_norm(8, 0.9), random.uniforms(32, -1.0, 1.0));
  const auto U = this->matrix(4, 5, random.uniforms(20, -1.0, 1.0));
  std::vector<std::vector<double>> X;
  for (const Acceleration acceleration : {Acceleration::none, Acceleration::anderson}) {
    SolverOptions limited = this->options(acceleration);
    for (const std::int32_t most : {0, 1, 2}) {
      limited.forward.max_iterations = most;
      const auto answer = model.predict(this->context(), U.view(), limited);
      EXPECT_EQ(answer.report.iterations, std::vector<std::int32_t>(5, most));
      EXPECT_EQ(answer.report.count(SolveStatus::max_iterations), 5U);
      X.push_back(this->fetch_double(answer.X.view()));
    }
    const auto solved = model.predict(this->context(), U.view(), this->options(acceleration));
    const auto again =
        model.predict(this->context(), U.view(), this->options(acceleration), solved.X.view());
    EXPECT_EQ(again.report.iterations, std::vector<std::int32_t>(5, 1));
  }
  // Two evaluations from zero are two Picard steps, though the kernel for small solves sums A X in
  // another order. |Z| <= 4 and |A|∞ = 0.9: two sums of 8 products below 3.6 differ by at most
  // 8·3.6 ε, and the rounding of X < 8 adds 8 ε.
  EXPECT_EQ(X[0], X[3]);
  EXPECT_EQ(X[1], X[4]);
  EXPECT_LE(max_difference(X[2], X[5]),
            37 * std::numeric_limits<typename TypeParam::Scalar>::epsilon());
  this->take_warnings();
}

TYPED_TEST(Anderson, ANanHarmsNoOtherColumnAndBatchInvarianceHolds) {
  RandomValues random(13);
  const auto model =
      this->model_of(20, 6, random.matrix_of_norm(20, 0.9), random.uniforms(120, -1.0, 1.0));
  auto U = random.uniforms(6 * 50, -1.0, 1.0);
  SolverOptions invariant = this->options(Acceleration::anderson);
  invariant.batch_invariant = true;
  const auto clean = model.predict(this->context(), this->matrix(6, 50, U).view(), invariant);
  const auto alone =
      model.predict(this->context(),
                    this->matrix(6, 1, {U.begin() + 6 * 31, U.begin() + 6 * 32}).view(), invariant);
  const auto clean_X = this->fetch(clean.X.view());
  const auto column_of = [&](const auto& X, std::ptrdiff_t j) {
    return std::vector<typename TypeParam::Scalar>(X.begin() + 20 * j, X.begin() + 20 * (j + 1));
  };
  EXPECT_TRUE(same_bits(column_of(clean_X, 31), this->fetch(alone.X.view())));
  U[6 * 7] = std::numeric_limits<double>::quiet_NaN();
  const auto spoiled = model.predict(this->context(), this->matrix(6, 50, U).view(), invariant);
  const auto spoiled_X = this->fetch(spoiled.X.view());
  EXPECT_EQ(spoiled.report.status[7], SolveStatus::diverged);
  for (std::ptrdiff_t j = 0; j < 50; ++j) {
    if (j == 7) continue;
    EXPECT_TRUE(same_bits(column_of(clean_X, j), column_of(spoiled_X, j))) << "column " << j;
  }
  EXPECT_EQ(this->take_warnings().size(), 1U);
}

TEST(AccelerationNames, AreReadAsTheyAreWritten) {
  for (const Acceleration each : {Acceleration::none, Acceleration::anderson})
    EXPECT_EQ(parse_acceleration(to_string(each)), each);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([] { parse_acceleration("Aitken"); }),
                    {"Aitken", "none, anderson"}));
}

}  // namespace
}  // namespace idl::test
