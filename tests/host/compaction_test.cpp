// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "host/backend_of.hpp"
#include "host/solver/fixed_point_solver.hpp"
#include "kernels/loop/compacted.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// Loops that leave out the columns that have stopped, against those that do not.
namespace idl::test {
namespace {

constexpr index_t k_states = 24;
constexpr index_t k_inputs = 6;
constexpr index_t k_samples = 40;

template <class C>
class Compaction : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  struct Answer {
    std::vector<Scalar> values;
    SolveReport report;
    LoopStrategy strategy = LoopStrategy::automatic;
  };

  /// So small a solve would be one kernel, which leaves nothing out.
  void choose(bool compacting) {
    backend_of(this->context())
        ->choose_loop_strategy(compacting ? LoopStrategy::compacted
                                          : LoopStrategy::conditional_node);
  }

  /// Products of any width have the same bits.
  static SolverOptions options(const Tolerance& tolerance) {
    return {.forward = tolerance, .adjoint = tolerance, .batch_invariant = true};
  }

  /// Columns of very different sizes stop at very different times.
  std::vector<double> uneven(index_t rows) {
    std::vector<double> values = random_.uniforms(rows * k_samples, -1.0, 1.0);
    for (std::size_t k = 0; k < values.size(); ++k)
      values[k] *= std::pow(10.0, -static_cast<double>(k / static_cast<std::size_t>(rows) * 7 % 9));
    return values;
  }

  Answer picard(bool compacting, const Tolerance& tolerance) {
    random_ = RandomValues(4);
    const auto A = this->matrix(k_states, k_states, random_.matrix_of_norm(k_states, 0.9));
    const auto B = this->matrix(k_states, k_inputs, random_.uniforms(k_states * k_inputs, -1, 1));
    const auto U = this->matrix(k_inputs, k_samples, uneven(k_inputs));
    Matrix<Scalar> X(this->context(), k_states, k_samples);
    choose(compacting);
    solver::FixedPointSolver<Scalar> solver(
        this->context(),
        solver::EquilibriumProblem<Scalar>{.A = DenseMap<Scalar>{A},
                                           .B = DenseMap<Scalar>{B},
                                           .U = U,
                                           .X = X.view(),
                                           .activation = {}},
        options(tolerance));
    solver.launch();
    auto report = solver.report();
    return {this->fetch(X.view()), std::move(report), solver.strategy()};
  }

  Answer adjoint(bool compacting, const Tolerance& tolerance) {
    random_ = RandomValues(6);
    const auto A = this->matrix(k_states, k_states, random_.matrix_of_norm(k_states, 0.9));
    const auto C_matrix = this->matrix(3, k_states, random_.uniforms(3 * k_states, -1, 1));
    const auto Z = this->matrix(k_states, k_samples, uneven(k_states));
    const auto dY = this->matrix(3, k_samples, uneven(3));
    const auto X = Matrix<Scalar>::zeros(this->context(), k_states, k_samples);
    Matrix<Scalar> V(this->context(), k_states, k_samples);
    choose(compacting);
    solver::FixedPointSolver<Scalar> solver(
        this->context(),
        solver::AdjointProblem<Scalar>{.A = DenseMap<Scalar>{A},
                                       .C = DenseMap<Scalar>{C_matrix},
                                       .Z = Z,
                                       .X = X.view(),
                                       .dY = dY,
                                       .V = V.view(),
                                       .activation = {ActivationKind::tanh}},
        options(tolerance));
    solver.launch();
    auto report = solver.report();
    return {this->fetch(V.view()), std::move(report), solver.strategy()};
  }

  RandomValues random_{1};
};
TYPED_TEST_SUITE(Compaction, AllCases, CaseNames);

TYPED_TEST(Compaction, GivesTheBitsAndReportsOfTheLoopOverAllColumns) {
  for (const bool adjoint : {false, true})
    for (const std::int32_t most : {0, 1, 5, 300}) {
      const Tolerance tolerance{.max_iterations = most, .absolute = 1e-4};
      const auto plain = adjoint ? this->adjoint(false, tolerance) : this->picard(false, tolerance);
      const auto moved = adjoint ? this->adjoint(true, tolerance) : this->picard(true, tolerance);
      EXPECT_NE(plain.strategy, LoopStrategy::compacted);
      EXPECT_EQ(moved.strategy, LoopStrategy::compacted);
      EXPECT_TRUE(same_bits(plain.values, moved.values)) << most << " iterations";
      EXPECT_EQ(plain.report.status, moved.report.status);
      EXPECT_EQ(plain.report.iterations, moved.report.iterations);
      EXPECT_EQ(plain.report.step, moved.report.step);
      EXPECT_EQ(plain.report.error_bound, moved.report.error_bound);
      if (most < 300) continue;
      auto sorted = plain.report.iterations;
      std::sort(sorted.begin(), sorted.end());
      EXPECT_LT(3 * sorted[k_samples / 2], 2 * sorted.back()) << "nothing to leave out";
    }
}

TEST(CompactedWidths, AreHalvesAsFarAsTheRuleGoes) {
  FixedPoint<float> solve;
  solve.A = DenseMap<float>{{.rows = k_states, .cols = k_states, .device = {}}};
  solve.X = {.rows = k_states, .cols = k_samples, .device = {}};
  const auto widths = [&](const CompactionRule& rule) { return compacted_widths(solve, rule); };
  EXPECT_EQ(widths({}), std::vector<index_t>());
  EXPECT_EQ(widths({.least_flops = 0, .least_columns = 10}), (std::vector<index_t>{20, 10}));
  EXPECT_EQ(widths({.least_flops = 0, .least_columns = 1}), (std::vector<index_t>{20, 10, 5}));
  EXPECT_EQ(widths({.least_flops = 2.0 * k_states * k_states * 30, .least_columns = 1}),
            std::vector<index_t>{20});
  solve.sweep = Sweep::gauss_seidel;
  EXPECT_EQ(widths({.least_flops = 0, .least_columns = 1}), std::vector<index_t>());
}

}  // namespace
}  // namespace idl::test
