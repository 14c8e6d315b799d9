// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>

#include "kernels/fixed_point.hpp"
#include "tests/host/dense_oracle.hpp"
#include "tests/host/models_test.hpp"
#include "tests/host/random_values.hpp"

/// Gauss-Seidel sweeps against Picard iteration on the same device, a naive sweep in double, and
/// Newton's method.
namespace idl::test {
namespace {

template <class C>
class GaussSeidel : public ModelsTest<C> {
 protected:
  static SolverOptions options(Sweep sweep, double tolerance = 3e-6) {
    SolverOptions result;
    result.forward.absolute = result.adjoint.absolute = tolerance;
    result.sweep = sweep;
    result.acceleration = Acceleration::none;
    return result;
  }
};
TYPED_TEST_SUITE(GaussSeidel, AllCases, CaseNames);

/// 75 rows are blocks of 32, 32 and 11.
TYPED_TEST(GaussSeidel, SweepsBlocksOfRowsOneAfterTheOther) {
  const index_t n = 75, p = 5;
  const auto size = static_cast<std::size_t>(n);
  RandomValues random(3);
  const auto model = this->model_of(n, p, random.matrix_of_norm(n, 0.9),
                                    random.uniforms(n * p, -1.0, 1.0), {ActivationKind::tanh});
  const auto U = this->matrix(p, 4, random.uniforms(p * 4, -1.0, 1.0));
  SolverOptions limited = this->options(Sweep::gauss_seidel);
  limited.forward.max_iterations = 3;
  const auto answer = model.predict(this->context(), U.view(), limited);
  this->take_warnings();

  const Dense<double> A(size, size, this->fetch(model.A()));
  const Dense<double> Z =
      multiply(Dense<double>(size, static_cast<std::size_t>(p), this->fetch(model.B())),
               Dense<double>(static_cast<std::size_t>(p), 4, this->fetch(U.view())));
  const auto X = this->fetch_double(answer.X.view());
  for (std::size_t j = 0; j < 4; ++j) {
    std::vector<double> x(size), before(size);
    for (std::size_t i = 0; i < size; ++i) x[i] = std::tanh(Z(i, j));  // the first, from zero
    for (int sweep = 0; sweep < 2; ++sweep) {
      before = x;
      for (std::size_t first = 0; first < size; first += 32) {
        const std::vector<double> seen = x;
        for (std::size_t i = first; i < std::min(size, first + 32); ++i) {
          double sum = Z(i, j);
          for (std::size_t k = 0; k < size; ++k) sum += A(i, k) * seen[k];
          x[i] = std::tanh(sum);
        }
      }
    }
    const std::vector<double> column(X.begin() + static_cast<std::ptrdiff_t>(j * size),
                                     X.begin() + static_cast<std::ptrdiff_t>((j + 1) * size));
    const double rounding = std::is_same_v<typename TypeParam::Scalar, float> ? 1e-5 : 1e-14;
    EXPECT_LE(max_difference(column, x), rounding);
    EXPECT_NEAR(answer.report.step[j], max_difference(x, before), rounding);
    EXPECT_EQ(answer.report.iterations[j], 3);
  }
}

TYPED_TEST(GaussSeidel, FindsTheFixedPointWithinItsCertificate) {
  const index_t n = 70, p = 6;
  const auto size = static_cast<std::size_t>(n);
  for (const ActivationKind kind : {ActivationKind::relu, ActivationKind::tanh})
    for (const Acceleration acceleration : {Acceleration::none, Acceleration::anderson})
      for (const StopRule rule : {StopRule::step, StopRule::certified_bound}) {
        RandomValues random(21);
        const auto model = this->model_of(n, p, random.matrix_of_norm(n, 0.95),
                                          random.uniforms(n * p, -1.0, 1.0), {kind});
        const auto U = this->matrix(p, k_samples, random.uniforms(p * k_samples, -1.0, 1.0));
        SolverOptions options = this->options(Sweep::gauss_seidel, 1e-5);
        options.acceleration = acceleration;
        options.forward.rule = rule;
        const auto answer = model.predict(this->context(), U.view(), options);
        EXPECT_TRUE(answer.report.all_converged());
        const Dense<double> A(size, size, this->fetch(model.A()));
        const Dense<double> Z =
            multiply(Dense<double>(size, static_cast<std::size_t>(p), this->fetch(model.B())),
                     Dense<double>(static_cast<std::size_t>(p), k_samples, this->fetch(U.view())));
        const Dense<double> X(size, k_samples, this->fetch(answer.X.view()));
        for (std::size_t j = 0; j < k_samples; j += 5) {
          std::vector<double> z(size), x(size), next(size);
          for (std::size_t i = 0; i < size; ++i) z[i] = Z(i, j), x[i] = X(i, j);
          const auto exact = solve_equilibrium(A, z, {kind}, std::vector<double>(size, 0.0));
          EXPECT_LE(max_difference(x, exact.x), answer.report.error_bound[j]);
          EXPECT_LE(answer.report.error_bound[j], 20 * 1e-5 + 2e-3) << "a bound that says nothing";
          for (std::size_t i = 0; i < size; ++i) {
            double sum = z[i];
            for (std::size_t k = 0; k < size; ++k) sum += A(i, k) * x[k];
            next[i] = kind == ActivationKind::relu ? std::max(sum, 0.0) : std::tanh(sum);
          }
          EXPECT_LE(max_difference(next, x), answer.report.residual[j] * (1 + 1e-9));
        }
      }
}

TYPED_TEST(GaussSeidel, TakesFewerIterationsThanPicardOnTrainedModels) {
  using T = typename TypeParam::Scalar;
  const Dataset data = make_dataset(200, 16, 3, 8);
  const auto model = this->trained_model(data, 100);
  std::vector<SolveReport> forward, backward;
  for (const Sweep sweep : {Sweep::jacobi, Sweep::gauss_seidel}) {
    BatchPass<T> pass(this->context(), model, k_samples, {.solver = this->options(sweep)});
    copy<T>(this->context(), this->inputs_of(data).view(), pass.U());
    forward.push_back(pass.forward());
    RandomValues random(2);
    this->put(pass.dY(), random.uniforms(3 * k_samples, -0.1, 0.1));
    backward.push_back(pass.backward());
  }
  for (const auto* reports : {&forward, &backward}) {
    const SolveReport &picard = (*reports)[0], &seidel = (*reports)[1];
    EXPECT_TRUE(seidel.all_converged());
    EXPECT_GT(picard.mean_iterations(), 12.0) << "too easy to show anything";
    for (std::size_t j = 0; j < k_samples; ++j)
      EXPECT_LE(seidel.iterations[j], picard.iterations[j]) << "column " << j;
    EXPECT_LE(seidel.mean_iterations(), 0.85 * picard.mean_iterations());
  }
}

TYPED_TEST(GaussSeidel, GradientsAreThoseOfPicardIteration) {
  using T = typename TypeParam::Scalar;
  const index_t n = 70, p = 5;
  RandomValues random(5);
  auto model = this->model_of(n, p, random.matrix_of_norm(n, 0.9),
                              random.uniforms(n * p, -1.0, 1.0), {ActivationKind::tanh});
  const auto U = random.uniforms(p * k_samples, -1.0, 1.0);
  const auto dY = random.uniforms(3 * k_samples, -1.0, 1.0);
  const double tolerance = std::is_same_v<T, float> ? 1e-6 : 1e-12;
  std::vector<std::vector<double>> gradients;
  for (const Sweep sweep : {Sweep::jacobi, Sweep::gauss_seidel}) {
    BatchPass<T> pass(this->context(), model, k_samples,
                      {.solver = this->options(sweep, tolerance)});
    this->put(pass.U(), U);
    EXPECT_EQ(pass.forward().count(SolveStatus::max_iterations), 0U);
    this->put(pass.dY(), dY);
    EXPECT_EQ(pass.backward().count(SolveStatus::max_iterations), 0U);
    gradients.push_back(this->fetch_double(pass.dM()));
  }
  // Errors of 10 tolerances in X and in V, in sums of k_samples products of numbers below 10.
  EXPECT_LE(max_difference(gradients[0], gradients[1]), 2 * 100 * k_samples * tolerance);
}

TYPED_TEST(GaussSeidel, ANanHarmsNoOtherColumnAndBatchInvarianceHolds) {
  const index_t n = 70;
  RandomValues random(13);
  const auto model =
      this->model_of(n, 6, random.matrix_of_norm(n, 0.9), random.uniforms(n * 6, -1.0, 1.0));
  auto U = random.uniforms(6 * 50, -1.0, 1.0);
  for (const Acceleration acceleration : {Acceleration::none, Acceleration::anderson}) {
    SolverOptions invariant = this->options(Sweep::gauss_seidel);
    invariant.acceleration = acceleration;
    invariant.batch_invariant = true;
    auto inputs = U;
    const auto clean = this->fetch(
        model.predict(this->context(), this->matrix(6, 50, inputs).view(), invariant).X.view());
    const auto alone = this->fetch(
        model
            .predict(this->context(),
                     this->matrix(6, 1, {U.begin() + 6 * 31, U.begin() + 6 * 32}).view(), invariant)
            .X.view());
    const auto column_of = [&](const auto& X, std::ptrdiff_t j) {
      return std::vector<typename TypeParam::Scalar>(X.begin() + n * j, X.begin() + n * (j + 1));
    };
    EXPECT_TRUE(same_bits(column_of(clean, 31), alone));
    inputs[6 * 7] = std::numeric_limits<double>::quiet_NaN();
    const auto answer =
        model.predict(this->context(), this->matrix(6, 50, inputs).view(), invariant);
    const auto spoiled = this->fetch(answer.X.view());
    EXPECT_EQ(answer.report.status[7], SolveStatus::diverged);
    for (std::ptrdiff_t j = 0; j < 50; ++j) {
      if (j == 7) continue;
      EXPECT_TRUE(same_bits(column_of(clean, j), column_of(spoiled, j))) << "column " << j;
    }
    EXPECT_EQ(this->take_warnings().size(), 1U);
  }
}

TEST(RowBlocks, AreThirtyTwoRowsOrASixteenthOfThemAll) {
  const auto counts = [](Sweep sweep, index_t n) {
    std::vector<index_t> result;
    index_t next = 0;
    for (const RowBlock& block : row_blocks(sweep, n)) {
      EXPECT_EQ(block.first, next);
      next += block.count;
      result.push_back(block.count);
    }
    EXPECT_EQ(next, n);
    return result;
  };
  EXPECT_EQ(counts(Sweep::jacobi, 75), std::vector<index_t>{75});
  EXPECT_EQ(counts(Sweep::gauss_seidel, 0), std::vector<index_t>{0});
  EXPECT_EQ(counts(Sweep::gauss_seidel, 75), (std::vector<index_t>{32, 32, 11}));
  std::vector<index_t> expected(11, 96);
  expected.push_back(44);
  EXPECT_EQ(counts(Sweep::gauss_seidel, 1100), expected);
}

TEST(SweepNames, AreReadAsTheyAreWritten) {
  for (const Sweep each : {Sweep::jacobi, Sweep::gauss_seidel})
    EXPECT_EQ(parse_sweep(to_string(each)), each);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([] { parse_sweep("Kaczmarz"); }),
                    {"Kaczmarz", "jacobi, gauss_seidel"}));
}

}  // namespace
}  // namespace idl::test
