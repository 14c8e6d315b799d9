// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "host/backend_of.hpp"
#include "host/solver/fixed_point_solver.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// Solves from zero that a device does in one go, start and first iteration included, against the
/// same solves step by step.
namespace idl::test {
namespace {

constexpr index_t k_inputs = 5;
constexpr index_t k_samples = 6;

template <class C>
class FromZero : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  index_t states = 21;

  struct Answer {
    std::vector<Scalar> values;
    SolveReport report;
    LoopStrategy strategy = LoopStrategy::automatic;
  };

  /// `start`: 0 as a given start instead of none.
  Answer picard(LoopStrategy strategy, const Activation& activation, const Tolerance& tolerance,
                bool start = false, bool spoiled = false, SolverOptions options = {}) {
    options.forward = tolerance;
    backend_of(this->context())->choose_loop_strategy(strategy);
    RandomValues random(4);
    const auto A = this->matrix(states, states, random.matrix_of_norm(states, 0.9));
    const auto B = this->matrix(states, k_inputs, random.uniforms(states * k_inputs, -1, 1));
    auto inputs = random.uniforms(k_inputs * k_samples, -1, 1);
    if (spoiled) inputs[k_inputs * 2] = std::numeric_limits<double>::quiet_NaN();
    const auto U = this->matrix(k_inputs, k_samples, inputs);
    Matrix<Scalar> X(this->context(), states, k_samples);
    solver::FixedPointSolver<Scalar> solver(
        this->context(),
        solver::EquilibriumProblem<Scalar>{.A = DenseMap<Scalar>{A},
                                           .B = DenseMap<Scalar>{B},
                                           .U = U,
                                           .X = X,
                                           .activation = activation},
        options);
    if (start) {
      const auto zero = Matrix<Scalar>::zeros(this->context(), states, k_samples);
      solver.start_from(zero.view());
    }
    for (int launch = 0; launch < 2; ++launch) solver.launch();  // the second like the first
    auto report = solver.report();
    return {this->fetch(X.view()), std::move(report), solver.strategy()};
  }

  Answer adjoint(LoopStrategy strategy, const Activation& activation, const Tolerance& tolerance,
                 SolverOptions options = {}) {
    options.adjoint = tolerance;
    backend_of(this->context())->choose_loop_strategy(strategy);
    RandomValues random(6);
    const auto A = this->matrix(states, states, random.matrix_of_norm(states, 0.9));
    const auto C_matrix = this->matrix(3, states, random.uniforms(3 * states, -1, 1));
    const auto Z = this->matrix(states, k_samples, random.uniforms(states * k_samples, -1, 1));
    const auto X = this->matrix(states, k_samples, random.uniforms(states * k_samples, -1, 1));
    const auto dY = this->matrix(3, k_samples, random.uniforms(3 * k_samples, -1, 1));
    Matrix<Scalar> V(this->context(), states, k_samples);
    solver::FixedPointSolver<Scalar> solver(
        this->context(),
        solver::AdjointProblem<Scalar>{.A = DenseMap<Scalar>{A},
                                       .C = DenseMap<Scalar>{C_matrix},
                                       .Z = Z,
                                       .X = X.view(),
                                       .dY = dY,
                                       .V = V,
                                       .activation = activation},
        options);
    for (int launch = 0; launch < 2; ++launch) solver.launch();
    auto report = solver.report();
    return {this->fetch(V.view()), std::move(report), solver.strategy()};
  }

  /// Both have converged, or ended together, to the same point, as far as both bounds say.
  void expect_same(const Answer& whole, const Answer& stepwise, const Tolerance& tolerance) const {
    EXPECT_NE(whole.strategy, stepwise.strategy) << "both went the same way";
    EXPECT_EQ(whole.report.status, stepwise.report.status);
    EXPECT_EQ(whole.report.fallbacks, std::vector<std::int32_t>(k_samples, 0));
    EXPECT_EQ(whole.report.low_precision_iterations, std::vector<std::int32_t>(k_samples, 0));
    for (std::size_t j = 0; j < k_samples; ++j) {
      // Sums in another order may stop one iteration earlier or later.
      EXPECT_LE(std::abs(whole.report.iterations[j] - stepwise.report.iterations[j]),
                tolerance.max_iterations < 300 ? 0 : 1);
      double difference = 0;
      const auto size = static_cast<std::size_t>(states);
      for (std::size_t e = j * size; e < (j + 1) * size; ++e)
        difference = std::max(difference, std::abs(static_cast<double>(whole.values[e]) -
                                                   static_cast<double>(stepwise.values[e])));
      EXPECT_LE(difference, whole.report.error_bound[j] + stepwise.report.error_bound[j]);
    }
  }
};
TYPED_TEST_SUITE(FromZero, AllCases, CaseNames);

TYPED_TEST(FromZero, IsWhatTheStepsGiveOneByOne) {
  for (const ActivationKind kind :
       {ActivationKind::relu, ActivationKind::tanh, ActivationKind::gelu, ActivationKind::elu})
    for (const std::int32_t most : {1, 3, 300}) {
      const Tolerance tolerance{.max_iterations = most};
      this->expect_same(this->picard(LoopStrategy::fused, {kind}, tolerance),
                        this->picard(LoopStrategy::conditional_node, {kind}, tolerance), tolerance);
      this->expect_same(this->adjoint(LoopStrategy::fused, {kind}, tolerance),
                        this->adjoint(LoopStrategy::conditional_node, {kind}, tolerance),
                        tolerance);
    }
}

TYPED_TEST(FromZero, HasTheBitsOfAGivenStartOfZero) {
  for (const StopRule rule : {StopRule::step, StopRule::certified_bound}) {
    const Tolerance tolerance{.rule = rule};
    const auto whole = this->picard(LoopStrategy::fused, {}, tolerance);
    const auto started = this->picard(LoopStrategy::fused, {}, tolerance, true);
    EXPECT_TRUE(same_bits(whole.values, started.values));
    EXPECT_EQ(whole.report.iterations, started.report.iterations);
    EXPECT_EQ(whole.report.step, started.report.step);
    EXPECT_EQ(whole.report.error_bound, started.report.error_bound);
    EXPECT_TRUE(whole.report.all_converged());
  }
}

TYPED_TEST(FromZero, ANanHarmsNoOtherColumn) {
  const auto clean = this->picard(LoopStrategy::fused, {}, {});
  const auto spoiled = this->picard(LoopStrategy::fused, {}, {}, false, true);
  for (std::size_t j = 0; j < k_samples; ++j) {
    EXPECT_EQ(spoiled.report.status[j], j == 2 ? SolveStatus::diverged : SolveStatus::converged);
    if (j == 2) continue;
    const auto size = static_cast<std::size_t>(this->states);
    for (std::size_t e = j * size; e < (j + 1) * size; ++e)
      EXPECT_EQ(clean.values[e], spoiled.values[e]);
  }
}

TYPED_TEST(FromZero, NoIterationAtAllIsDoneStepByStep) {
  const auto answer = this->picard(LoopStrategy::fused, {}, {.max_iterations = 0});
  EXPECT_EQ(answer.report.iterations, std::vector<std::int32_t>(k_samples, 0));
  EXPECT_EQ(answer.values, std::vector<typename TypeParam::Scalar>(
                               static_cast<std::size_t>(this->states * k_samples)));
}

template <class C>
class TiledFromZero : public FromZero<C> {};
TYPED_TEST_SUITE(TiledFromZero, CpuCases, CaseNames);

TYPED_TEST(TiledFromZero, HasTheBitsOfTheStepsOverAllColumns) {
  this->states = 70;
  for (const Sweep sweep : {Sweep::jacobi, Sweep::gauss_seidel})
    for (const Acceleration acceleration : {Acceleration::none, Acceleration::anderson})
      for (const std::int32_t most : {1, 2, 5, 300}) {
        const SolverOptions options = {
            .sweep = sweep, .acceleration = acceleration, .batch_invariant = true};
        const Tolerance tolerance{.max_iterations = most};
        const auto expect_equal = [](const auto& whole, const auto& stepwise) {
          EXPECT_EQ(whole.strategy, LoopStrategy::column_by_column);
          EXPECT_EQ(stepwise.strategy, LoopStrategy::step_by_step);
          EXPECT_TRUE(same_bits(whole.values, stepwise.values));
          EXPECT_EQ(whole.report.status, stepwise.report.status);
          EXPECT_EQ(whole.report.iterations, stepwise.report.iterations);
          EXPECT_EQ(whole.report.fallbacks, stepwise.report.fallbacks);
          EXPECT_EQ(whole.report.step, stepwise.report.step);
          EXPECT_EQ(whole.report.error_bound, stepwise.report.error_bound);
        };
        const auto solve = [&](LoopStrategy strategy) {
          return this->picard(strategy, {}, tolerance, false, false, options);
        };
        const auto solve_adjoint = [&](LoopStrategy strategy) {
          return this->adjoint(strategy, {ActivationKind::tanh}, tolerance, options);
        };
        expect_equal(solve(LoopStrategy::automatic), solve(LoopStrategy::conditional_node));
        expect_equal(solve_adjoint(LoopStrategy::automatic),
                     solve_adjoint(LoopStrategy::conditional_node));
      }
}

}  // namespace
}  // namespace idl::test
