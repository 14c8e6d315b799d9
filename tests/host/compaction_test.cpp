// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "host/solver/adjoint.hpp"
#include "host/solver/compaction.hpp"
#include "host/solver/picard.hpp"
#include "kernels/backend.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// Loops that leave out the columns that have stopped, against those that do not.
namespace idl::test {
namespace {

using CudaCases = testing::Types<Case<DeviceKind::cuda, float>, Case<DeviceKind::cuda, double>>;

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
    bool left_out = false;  ///< the loop has products of fewer columns
  };

  /// So small a solve would be one kernel, which leaves nothing out.
  void SetUp() override {
    DeviceTest<C>::SetUp();
    if (!this->IsSkipped())
      this->context().backend()->choose_loop_strategy(LoopStrategy::conditional_node);
  }

  template <class Solver>
  static bool leaves_out(const Solver& solver) {
    bool found = false;
    for (const auto& part : solver.parts())
      for (const Primitive& primitive : part->sequence())
        if (const auto* product = std::get_if<Gemm<Scalar>>(&primitive))
          found = found || product->C.cols < k_samples;
    return found;
  }

  static solver::LoopOptions options(bool compacting) {
    solver::LoopOptions options;
    options.batch_invariant = true;  // the same bits in products of any width
    if (compacting) options.compaction = {.least_flops = 0, .least_columns = 4};
    return options;
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
    solver::PicardSolver<Scalar> solver(this->context(),
                                        {.A = A, .B = B, .U = U, .X = X.view(), .activation = {}},
                                        tolerance, options(compacting));
    solver.launch();
    auto report = solver.report();
    return {this->fetch(X.view()), std::move(report), leaves_out(solver)};
  }

  Answer adjoint(bool compacting, const Tolerance& tolerance) {
    random_ = RandomValues(6);
    const auto A = this->matrix(k_states, k_states, random_.matrix_of_norm(k_states, 0.9));
    const auto C_matrix = this->matrix(3, k_states, random_.uniforms(3 * k_states, -1, 1));
    const auto Z = this->matrix(k_states, k_samples, uneven(k_states));
    const auto dY = this->matrix(3, k_samples, uneven(3));
    const auto X = Matrix<Scalar>::zeros(this->context(), k_states, k_samples);
    Matrix<Scalar> V(this->context(), k_states, k_samples);
    solver::AdjointSolver<Scalar> solver(this->context(),
                                         {.A = A,
                                          .C = C_matrix,
                                          .Z = Z,
                                          .X = X.view(),
                                          .dY = dY,
                                          .V = V.view(),
                                          .activation = {ActivationKind::tanh}},
                                         tolerance, options(compacting));
    solver.launch();
    auto report = solver.report();
    return {this->fetch(V.view()), std::move(report), leaves_out(solver)};
  }

  RandomValues random_{1};
};
TYPED_TEST_SUITE(Compaction, CudaCases, CaseNames);

TYPED_TEST(Compaction, GivesTheBitsAndReportsOfTheLoopOverAllColumns) {
  for (const bool adjoint : {false, true})
    for (const std::int32_t most : {0, 1, 5, 300}) {
      const Tolerance tolerance{.max_iterations = most, .absolute = 1e-4};
      const auto plain = adjoint ? this->adjoint(false, tolerance) : this->picard(false, tolerance);
      const auto moved = adjoint ? this->adjoint(true, tolerance) : this->picard(true, tolerance);
      EXPECT_FALSE(plain.left_out);
      EXPECT_TRUE(moved.left_out);
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

TYPED_TEST(Compaction, HalvesTheColumnsAsFarAsTheRuleGoes) {
  using T = typename TypeParam::Scalar;
  solver::IterationState<T> iteration(this->context(), k_samples);
  Matrix<T> A(this->context(), k_states, k_states);
  Matrix<T> X(this->context(), k_states, k_samples);
  Matrix<T> S(this->context(), k_states, k_samples);
  Matrix<T> Z(this->context(), k_states, k_samples);
  const Sequence step = {Gemm<T>{.A = A, .B = X, .C = S.view()},
                         PicardUpdate<T>{.S = S,
                                         .Z = Z,
                                         .X = X.view(),
                                         .activation = {},
                                         .step_norms = iteration.step_norms(),
                                         .state_norms = iteration.state_norms(),
                                         .status = iteration.status()},
                         solver::update_status(iteration, Tolerance{}, k_states)};
  const auto widths = [&](const solver::CompactionRule& rule) {
    const auto loop = solver::compile_loop(this->context(), step, iteration, 300, rule);
    std::vector<index_t> result;
    for (const Primitive& primitive : loop->sequence())
      if (const auto* product = std::get_if<Gemm<T>>(&primitive)) result.push_back(product->C.cols);
    return result;
  };
  EXPECT_EQ(widths({}), std::vector<index_t>{k_samples});
  EXPECT_EQ(widths({.least_flops = 0, .least_columns = 10}),
            (std::vector<index_t>{k_samples, 20, 10}));
  EXPECT_EQ(widths({.least_flops = 0, .least_columns = 1}),
            (std::vector<index_t>{k_samples, 20, 10, 5}));
  EXPECT_EQ(widths({.least_flops = 2.0 * k_states * k_states * 30, .least_columns = 1}),
            (std::vector<index_t>{k_samples, 20}));
}

}  // namespace
}  // namespace idl::test
