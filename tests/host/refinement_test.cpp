// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "host/backend_of.hpp"
#include "host/solver/fixed_point_solver.hpp"
#include "tests/host/dense_oracle.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// Solves refined from bfloat16 against float64 solves and against the same loop in float.
namespace idl::test {
namespace {

constexpr index_t k_samples = 6;

template <class C>
class RefinementTest : public DeviceTest<C> {
 protected:
  struct Problem {
    index_t n = 0;
    Activation activation{};
    std::vector<double> A;
    std::vector<double> Z;  ///< as the forcing: B is the identity
  };
  struct Answer {
    std::vector<double> X;
    SolveReport report;
  };

  void choose(bool refined) {
    backend_of(this->context())
        ->choose_loop_strategy(refined ? LoopStrategy::refined : LoopStrategy::automatic);
  }

  static Problem problem(index_t n, const Activation& activation, double norm,
                         std::uint64_t seed = 3) {
    RandomValues random(seed);
    return {n, activation, random.matrix_of_norm(n, norm),
            random.uniforms(n * k_samples, -1.0, 1.0)};
  }

  Answer solve(const Problem& given, bool refined, const Tolerance& tolerance = {},
               const std::vector<double>* start = nullptr) {
    const index_t n = given.n;
    std::vector<double> identity(static_cast<std::size_t>(n * n), 0.0);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
      identity[i * static_cast<std::size_t>(n + 1)] = 1.0;
    const auto A = this->matrix(n, n, given.A);
    const auto B = this->matrix(n, n, identity);
    const auto U = this->matrix(n, k_samples, given.Z);
    Matrix<float> X(this->context(), n, k_samples);
    choose(refined);
    solver::FixedPointSolver<float> solver(
        this->context(),
        solver::EquilibriumProblem<float>{.A = DenseMap<float>{A},
                                          .B = DenseMap<float>{B},
                                          .U = U,
                                          .X = X,
                                          .activation = given.activation},
        {.forward = tolerance});
    EXPECT_EQ(solver.strategy() == LoopStrategy::refined, refined && tolerance.max_iterations > 0);
    if (start != nullptr) solver.start_from(this->matrix(n, k_samples, *start).view());
    for (int launch = 0; launch < 2; ++launch) solver.launch();  // the second like the first
    auto report = solver.report();
    return {this->fetch_double(X.view()), std::move(report)};
  }

  /// Column by column in double.
  std::vector<double> exact(const Problem& given) {
    const auto n = static_cast<std::size_t>(given.n);
    const Dense<double> A(n, n, std::vector<float>(given.A.begin(), given.A.end()));
    const std::vector<float> Z(given.Z.begin(), given.Z.end());
    std::vector<double> X;
    for (std::size_t j = 0; j < k_samples; ++j) {
      const std::vector<double> z(Z.begin() + static_cast<std::ptrdiff_t>(j * n),
                                  Z.begin() + static_cast<std::ptrdiff_t>((j + 1) * n));
      const auto x = solve_equilibrium(A, z, given.activation, std::vector<double>(n, 0.0)).x;
      X.insert(X.end(), x.begin(), x.end());
    }
    return X;
  }
};
TYPED_TEST_SUITE(RefinementTest, FloatCases, CaseNames);

TYPED_TEST(RefinementTest, IsAsExactAsFloatWithFewFullProducts) {
  for (const ActivationKind kind : {ActivationKind::relu, ActivationKind::tanh})
    for (const index_t n : {40, 90}) {
      const auto given = this->problem(n, {kind}, 0.95);
      const auto plain = this->solve(given, false);
      const auto refined = this->solve(given, true);
      const auto X = this->exact(given);
      ASSERT_TRUE(refined.report.all_converged());
      EXPECT_LE(max_difference(refined.X, X), 2 * max_difference(plain.X, X) + 1e-6);
      EXPECT_LE(refined.report.max_iterations_used(), 4);
      EXPECT_LT(refined.report.mean_iterations(), plain.report.mean_iterations());
      EXPECT_GT(refined.report.total_low_precision_iterations(), 0);
      EXPECT_EQ(plain.report.total_low_precision_iterations(), 0);
      for (std::size_t j = 0; j < k_samples; ++j) {
        EXPECT_LE(refined.report.step[j], 3e-6);
        double error = 0;
        const auto size = static_cast<std::size_t>(n);
        for (std::size_t e = j * size; e < (j + 1) * size; ++e)
          error = std::max(error, std::abs(refined.X[e] - X[e]));
        EXPECT_LE(error, refined.report.error_bound[j]);
      }
    }
}

/// Where every iteration shrinks the error by 0.99 only, and nothing cancels.
TYPED_TEST(RefinementTest, ASlowProblemConvergesToo) {
  auto given = this->problem(30, {ActivationKind::relu}, 0.99);
  for (double& value : given.A) value = std::abs(value);
  for (double& value : given.Z) value = std::abs(value);
  const auto X = this->exact(given);
  const Tolerance tolerance{.max_iterations = 5000, .absolute = 1e-4};
  const auto refined = this->solve(given, true, tolerance);
  EXPECT_TRUE(refined.report.all_converged());
  for (const double bound : refined.report.error_bound)
    EXPECT_LE(max_difference(refined.X, X), bound);
}

/// Each unit has the one before it for its only input: a step shrinks by 0.99, and what bfloat16
/// rounds away goes round and stays above what an inner loop is to reach. Without a guard, that
/// would take all the inner iterations that there may be.
TYPED_TEST(RefinementTest, LeavesAnInnerLoopInWhichOnlyTheRoundingIsLeft) {
  const index_t n = 20;
  auto given = this->problem(n, {ActivationKind::identity}, 0.9);
  std::fill(given.A.begin(), given.A.end(), 0.0);
  for (index_t i = 0; i < n; ++i) given.A[static_cast<std::size_t>(i + n * ((i + 1) % n))] = 0.99;
  const Tolerance tolerance{.max_iterations = 2000, .absolute = 1e-3};
  const auto plain = this->solve(given, false, tolerance);
  const auto refined = this->solve(given, true, tolerance);
  EXPECT_TRUE(refined.report.all_converged());
  EXPECT_LE(refined.report.total_low_precision_iterations(), k_samples * 500);
  EXPECT_LT(refined.report.max_iterations_used(), plain.report.max_iterations_used());
  for (const double bound : refined.report.error_bound)
    EXPECT_LE(max_difference(refined.X, this->exact(given)), bound);
}

/// A tolerance below the rounding of float: rounds come to nothing, the loop in float takes over
/// and ends where it recognises the rounding.
TYPED_TEST(RefinementTest, FallsBackToFloatWhereRoundsNoLongerHelp) {
  const auto given = this->problem(50, {ActivationKind::tanh}, 0.95);
  const Tolerance tolerance{.max_iterations = 300, .absolute = 0.0};
  const auto refined = this->solve(given, true, tolerance);
  EXPECT_EQ(refined.report.count(SolveStatus::max_iterations), 0U);
  EXPECT_EQ(refined.report.count(SolveStatus::diverged), 0U);
  EXPECT_GT(refined.report.max_iterations_used(), 6);
  EXPECT_LE(max_difference(refined.X, this->exact(given)), 1e-5);
}

TYPED_TEST(RefinementTest, KeepsToTheLimitAndToAStart) {
  const auto given = this->problem(40, {ActivationKind::relu}, 0.95);
  for (const std::int32_t most : {0, 1, 2}) {
    const auto answer = this->solve(given, true, {.max_iterations = most});
    EXPECT_EQ(answer.report.iterations, std::vector<std::int32_t>(k_samples, most));
    EXPECT_EQ(answer.report.count(SolveStatus::max_iterations), std::size_t{k_samples});
  }
  const auto solved = this->solve(given, true);
  const auto again = this->solve(given, true, {}, &solved.X);
  EXPECT_EQ(again.report.iterations, std::vector<std::int32_t>(k_samples, 1));
  EXPECT_EQ(again.report.total_low_precision_iterations(), 0);
}

TYPED_TEST(RefinementTest, ANanHarmsNoOtherColumn) {
  auto given = this->problem(40, {ActivationKind::relu}, 0.95);
  const auto clean = this->solve(given, true);
  given.Z[40 * 2 + 5] = std::numeric_limits<double>::quiet_NaN();
  const auto spoiled = this->solve(given, true);
  for (std::size_t j = 0; j < k_samples; ++j) {
    EXPECT_EQ(spoiled.report.status[j], j == 2 ? SolveStatus::diverged : SolveStatus::converged);
    if (j == 2) continue;
    EXPECT_EQ(clean.report.iterations[j], spoiled.report.iterations[j]);
    for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(clean.X[i + 40 * j], spoiled.X[i + 40 * j]);
  }
}

TYPED_TEST(RefinementTest, TheAdjointIsRefinedAsWell) {
  const index_t n = 60;
  RandomValues random(8);
  const auto A_values = random.matrix_of_norm(n, 0.95);
  const auto A = this->matrix(n, n, A_values);
  const auto C_matrix = this->matrix(4, n, random.uniforms(4 * n, -1.0, 1.0));
  const auto Z = this->matrix(n, k_samples, random.uniforms(n * k_samples, -1.0, 1.0));
  const auto X = this->matrix(n, k_samples, random.uniforms(n * k_samples, 0.0, 1.0));
  const auto dY = this->matrix(4, k_samples, random.uniforms(4 * k_samples, -1.0, 1.0));
  std::vector<std::vector<double>> V;
  std::vector<SolveReport> reports;
  for (const bool refined : {false, true}) {
    Matrix<float> answer(this->context(), n, k_samples);
    this->choose(refined);
    solver::FixedPointSolver<float> solver(
        this->context(), solver::AdjointProblem<float>{.A = DenseMap<float>{A},
                                                       .C = DenseMap<float>{C_matrix},
                                                       .Z = Z,
                                                       .X = X.view(),
                                                       .dY = dY,
                                                       .V = answer,
                                                       .activation = {ActivationKind::tanh}});
    solver.launch();
    reports.push_back(solver.report());
    V.push_back(this->fetch_double(answer.view()));
  }
  EXPECT_TRUE(reports[1].all_converged());
  EXPECT_LE(reports[1].max_iterations_used(), 4);
  EXPECT_LT(reports[1].mean_iterations(), reports[0].mean_iterations());
  EXPECT_GT(reports[1].total_low_precision_iterations(), 0);
  // Both are within their bounds of the one solution.
  EXPECT_LE(max_difference(V[0], V[1]),
            reports[0].worst_error_bound() + reports[1].worst_error_bound());
}

TEST(PrecisionNames, AreReadAsTheyAreWritten) {
  for (const Precision each : {Precision::full, Precision::automatic})
    EXPECT_EQ(parse_precision(to_string(each)), each);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([] { parse_precision("half"); }),
                    {"half", "full, automatic"}));
}

}  // namespace
}  // namespace idl::test
