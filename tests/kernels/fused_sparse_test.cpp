// SPDX-License-Identifier: MIT
// Solves with a sparse A in one kernel against the generic loop on the same device, and against
// naive loops in double.
#include <cmath>
#include <string>
#include <tuple>

#include "idl/error.hpp"
#include "tests/kernels/sparse_solve.hpp"

namespace idl::test {
namespace {

template <class C>
class FusedSparseTest : public SparseSolveTest<C> {};
TYPED_TEST_SUITE(FusedSparseTest, CudaCases, CaseNames);

TYPED_TEST(FusedSparseTest, AgreesWithNaiveLoopsForAwkwardSizesAndDensities) {
  for (const bool adjoint : {false, true})
    for (const auto& [n, m, density] :
         std::vector<std::tuple<index_t, index_t, double>>{{1, 1, 1.0},
                                                           {3, 1, 0.5},
                                                           {31, 2, 0.0},
                                                           {33, 5, 0.3},
                                                           {100, 0, 0.1},
                                                           {100, 1, 1.0},
                                                           {257, 9, 0.03}}) {
      const Problem p = {.n = n, .m = m, .density = density, .adjoint = adjoint, .most = 3};
      this->compare_with_naive(p, this->numbers_of(p), LoopStrategy::fused);
    }
}

/// The emulated device has room for some 30000 floats in a block; others show the same answers.
TYPED_TEST(FusedSparseTest, WhatDoesNotFitIntoRegistersLiesInSharedMemoryAndInClusters) {
  for (const bool adjoint : {false, true})
    for (const double density : {0.22, 0.4}) {
      const Problem p = {.n = 333, .m = 1, .density = density, .adjoint = adjoint, .most = 2};
      this->compare_with_naive(p, this->numbers_of(p), LoopStrategy::fused);
    }
}

TYPED_TEST(FusedSparseTest, RowsMayBeOfAnyLengths) {
  for (const bool adjoint : {false, true}) {
    const Problem p = {.n = 257, .m = 2, .density = 0.0, .adjoint = adjoint, .most = 3};
    auto numbers = this->numbers_of(p);
    // One full row, one full column, a few entries on the diagonal.
    for (std::size_t k = 0; k < 257; ++k) {
      numbers.A[100 + k * 257] = 0.5 / 256;
      numbers.A[k + 7 * 257] = k % 2 == 0 ? 0.25 / 256 : -0.25 / 256;
      if (k % 5 == 0) numbers.A[k + k * 257] = 0.125;
    }
    numbers.A = this->rounded(numbers.A);
    this->compare_with_naive(p, numbers, LoopStrategy::fused);
  }
}

TYPED_TEST(FusedSparseTest, CountsAsTheGenericLoopDoesFromEveryStart) {
  for (const bool adjoint : {false, true})
    for (const SolveStart start : {SolveStart::zero, SolveStart::given, SolveStart::running})
      for (const std::int32_t most : {1, 30})
        this->compare_with_generic({.n = 70,
                                    .m = 5,
                                    .density = 0.2,
                                    .adjoint = adjoint,
                                    .start = start,
                                    .most = most,
                                    .certified = start == SolveStart::given},
                                   LoopStrategy::fused, LoopStrategy::conditional_node);
}

TYPED_TEST(FusedSparseTest, PsiIsMadeWhereADerivativeMakesIt) {
  for (const SolveStart start : {SolveStart::zero, SolveStart::given})
    this->compare_adjoint_with_derivative(start, LoopStrategy::fused);
}

TYPED_TEST(FusedSparseTest, ValuesAreThoseOfTheLaunch) {
  const Problem p = {};
  auto numbers = this->numbers_of(p);
  const auto solve = this->describe(p, numbers);
  const auto program = this->compile(solve, LoopStrategy::fused);
  program->launch();
  const auto before = this->answer_of(solve);
  for (double& a : numbers.A) a *= -0.5;
  std::vector<double> values;
  for (std::size_t i = 0; i < 40; ++i)
    for (std::size_t k = 0; k < 40; ++k)
      if (numbers.A[i + k * 40] != 0.0) values.push_back(numbers.A[i + k * 40]);
  upload<typename TypeParam::Scalar>(
      this->context(), std::vector<typename TypeParam::Scalar>(values.begin(), values.end()),
      VectorView<typename TypeParam::Scalar>{this->A_.values, static_cast<index_t>(values.size()),
                                             this->device()});
  program->launch();
  const auto got = this->answer_of(solve);
  EXPECT_NE(got.X, before.X);
  EXPECT_EQ(got.X, this->run(p, numbers, LoopStrategy::fused).X);
}

TYPED_TEST(FusedSparseTest, AColumnWithNaNHarmsNoOther) {
  for (const bool adjoint : {false, true})
    this->expect_nan_to_harm_no_other_column(adjoint, LoopStrategy::fused);
}

TYPED_TEST(FusedSparseTest, ANaNInADivergesWhatReadsIt) {
  const Problem p = {.m = 2};
  auto numbers = this->numbers_of(p);
  numbers.A[3 + 5 * 40] = k_nan;
  const auto got = this->run(p, numbers, LoopStrategy::fused);
  for (std::size_t j = 0; j < 2; ++j)
    EXPECT_EQ(got.status[j], static_cast<std::uint8_t>(SolveStatus::diverged));
}

TYPED_TEST(FusedSparseTest, ColumnsHaveTheSameBitsInAnyBatchIfTheyAreToHave) {
  for (const bool adjoint : {false, true})
    this->expect_bits_of_columns_alone(
        {.n = 90, .m = 9, .density = 0.1, .adjoint = adjoint, .most = 2, .batch_invariant = true},
        LoopStrategy::fused);
}

TYPED_TEST(FusedSparseTest, WhatIsNoSuchLoopRunsOtherwiseOrIsRefused) {
  const Problem p = {};
  const auto numbers = this->numbers_of(p);
  auto solve = this->describe(p, numbers);
  solve.sweep = Sweep::gauss_seidel;
  EXPECT_THROW(this->compile(solve, LoopStrategy::fused), NotSupported);
  EXPECT_NE(this->compile(solve, LoopStrategy::automatic)->strategy(), LoopStrategy::fused);
  solve = this->describe({.most = 0}, numbers);
  EXPECT_NE(this->compile(solve, LoopStrategy::fused)->strategy(), LoopStrategy::fused);
}

TYPED_TEST(FusedSparseTest, APatternThatIsNoneIsRefusedByItsPlace) {
  const Problem p = {.n = 4, .m = 1, .density = 0.0};
  auto numbers = this->numbers_of(p);
  numbers.A[2 + 1 * 4] = 0.25;
  const auto solve = this->describe(p, numbers);
  const std::vector<std::int32_t> outside = {4};
  upload<std::int32_t>(this->context(), outside,
                       VectorView<std::int32_t>{this->A_.col_indices, 1, this->device()});
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { this->compile(solve, LoopStrategy::fused); }),
                    {"A.col_indices has 4 in row 2", "[0, 4)"}));
}

TYPED_TEST(FusedSparseTest, AJoinedSolveRunsAsItDoesAlone) {
  const Problem p = {};
  const auto numbers = this->numbers_of(p);
  const auto expected = this->run(p, numbers, LoopStrategy::fused);
  const auto solve = this->describe(p, numbers);
  Programs parts;
  parts.push_back(this->compile(solve, LoopStrategy::fused));
  const auto joined = backend_of(this->context())->join(std::move(parts));
  EXPECT_EQ(joined->strategy(), LoopStrategy::fused);
  for (int launch = 0; launch < 2; ++launch) {
    joined->launch();
    EXPECT_EQ(this->answer_of(solve).X, expected.X);
  }
}

}  // namespace
}  // namespace idl::test
