// SPDX-License-Identifier: MIT
// Solves with a sparse A whose samples lie in rows, against the generic loop on the same device,
// and against naive loops in double.
#include <cmath>
#include <tuple>

#include "kernels/loop/in_rows.hpp"
#include "tests/kernels/sparse_solve.hpp"

namespace idl::test {
namespace {

constexpr LoopStrategy k_ways[] = {LoopStrategy::row_split, LoopStrategy::library_product};

template <class C>
class InRowsTest : public SparseSolveTest<C> {
 protected:
  static constexpr LoopStrategy k_generic =
      C::k_device == DeviceKind::cpu ? LoopStrategy::step_by_step : LoopStrategy::conditional_node;
};
TYPED_TEST_SUITE(InRowsTest, AllCases, CaseNames);

TYPED_TEST(InRowsTest, AgreesWithNaiveLoopsForAwkwardSizesAndDensities) {
  for (const LoopStrategy way : k_ways)
    for (const bool adjoint : {false, true})
      for (const auto& [n, m, density] :
           std::vector<std::tuple<index_t, index_t, double>>{{1, 1, 1.0},
                                                             {3, 1, 0.5},
                                                             {31, 33, 0.0},
                                                             {33, 5, 0.3},
                                                             {100, 0, 0.1},
                                                             {128, 256, 0.02},
                                                             {257, 9, 0.03}})
        for (const std::int32_t most : {3, 4}) {
          if (m == 256 && most == 4) continue;
          const Problem p = {.n = n, .m = m, .density = density, .adjoint = adjoint, .most = most};
          this->compare_with_naive(p, this->numbers_of(p), way);
        }
}

TYPED_TEST(InRowsTest, CountsAsTheGenericLoopDoesFromEveryStart) {
  for (const LoopStrategy way : k_ways)
    for (const bool adjoint : {false, true})
      for (const SolveStart start : {SolveStart::zero, SolveStart::given, SolveStart::running})
        for (const std::int32_t most : {1, 2, 30})
          this->compare_with_generic({.n = 70,
                                      .m = 5,
                                      .density = 0.2,
                                      .adjoint = adjoint,
                                      .start = start,
                                      .most = most,
                                      .certified = start == SolveStart::given},
                                     way, this->k_generic);
}

/// Multiples of 1/4 stay exact for two iterations: every order of summation has the same bits.
TYPED_TEST(InRowsTest, NumbersThatNeedNoRoundingHaveTheBitsOfTheGenericLoop) {
  for (const bool adjoint : {false, true}) {
    const Problem p = {
        .n = 45, .m = 6, .density = 0.3, .adjoint = adjoint, .start = SolveStart::given, .most = 2};
    auto numbers = this->numbers_of(p);
    for (auto* all : {&numbers.A, &numbers.start, &numbers.held, &numbers.slopes})
      for (double& x : *all)
        if (x != 0.0) x = std::copysign(0.25 * std::ceil(4.0 * std::abs(x)), x);
    auto solve = [&](LoopStrategy strategy) {
      auto described = this->describe(p, numbers);
      if (!adjoint)
        std::get<PicardMap<typename TypeParam::Scalar>>(described.f).activation = {
            .kind = ActivationKind::relu};
      this->compile(described, strategy)->launch();
      return this->answer_of(described);
    };
    const auto generic = solve(this->k_generic);
    for (const LoopStrategy way : k_ways) {
      const auto got = solve(way);
      EXPECT_EQ(got.X, generic.X);
      EXPECT_EQ(got.steps, generic.steps);
      EXPECT_EQ(got.norms, generic.norms);
      EXPECT_EQ(got.iterations, generic.iterations);
    }
  }
}

TYPED_TEST(InRowsTest, PsiIsMadeWhereADerivativeMakesIt) {
  for (const LoopStrategy way : k_ways)
    for (const SolveStart start : {SolveStart::zero, SolveStart::given})
      this->compare_adjoint_with_derivative(start, way);
}

TYPED_TEST(InRowsTest, ProgramsTakeTheNumbersOfTheLaunchAndRepeatTheirBits) {
  using T = typename TypeParam::Scalar;
  for (const LoopStrategy way : k_ways) {
    const Problem p = {};
    auto numbers = this->numbers_of(p);
    auto solve = this->describe(p, numbers);
    const MatrixView<T> Z = this->view(p.n, p.m, numbers.held);
    std::get<PicardMap<T>>(solve.f).Z = Z;
    const auto program = this->compile(solve, way);
    program->launch();
    const auto before = this->answer_of(solve);
    program->launch();
    EXPECT_EQ(this->answer_of(solve).X, before.X);
    for (double& a : numbers.A) a *= -0.5;
    for (double& z : numbers.held) z *= 0.5;
    std::vector<T> values;
    for (std::size_t i = 0; i < 40; ++i)
      for (std::size_t k = 0; k < 40; ++k)
        if (numbers.A[i + k * 40] != 0.0) values.push_back(static_cast<T>(numbers.A[i + k * 40]));
    upload<T>(this->context(), values,
              VectorView<T>{this->A_.values, static_cast<index_t>(values.size()), this->device()});
    this->put(Z, numbers.held);
    program->launch();
    const auto got = this->answer_of(solve);
    EXPECT_NE(got.X, before.X);
    EXPECT_EQ(got.X, this->run(p, numbers, way).X);
  }
}

TYPED_TEST(InRowsTest, AColumnWithNaNHarmsNoOther) {
  for (const LoopStrategy way : k_ways)
    for (const bool adjoint : {false, true}) this->expect_nan_to_harm_no_other_column(adjoint, way);
}

TYPED_TEST(InRowsTest, ColumnsOfRowSplitSolvesHaveTheSameBitsInAnyBatch) {
  for (const bool adjoint : {false, true})
    this->expect_bits_of_columns_alone(
        {.n = 90, .m = 70, .density = 0.1, .adjoint = adjoint, .most = 2, .batch_invariant = true},
        LoopStrategy::row_split);
}

TYPED_TEST(InRowsTest, WhatIsNoSuchLoopRunsOtherwise) {
  for (const LoopStrategy way : k_ways) {
    const Problem p = {};
    const auto numbers = this->numbers_of(p);
    auto solve = this->describe(p, numbers);
    solve.sweep = Sweep::gauss_seidel;
    EXPECT_FALSE(can_run_in_rows(solve));
    EXPECT_NE(this->compile(solve, way)->strategy(), way);
    solve = this->describe({.most = 0}, numbers);
    EXPECT_NE(this->compile(solve, way)->strategy(), way);
  }
}

TYPED_TEST(InRowsTest, AJoinedSolveRunsAsItDoesAlone) {
  for (const LoopStrategy way : k_ways) {
    const Problem p = {};
    const auto numbers = this->numbers_of(p);
    const auto expected = this->run(p, numbers, way);
    const auto solve = this->describe(p, numbers);
    Programs parts;
    parts.push_back(this->compile(solve, way));
    const auto joined = backend_of(this->context())->join(std::move(parts));
    EXPECT_EQ(joined->strategy(), way);
    joined->launch();
    EXPECT_EQ(this->answer_of(solve).X, expected.X);
  }
}

}  // namespace
}  // namespace idl::test
