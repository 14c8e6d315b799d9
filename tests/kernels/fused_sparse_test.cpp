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

using CudaCases = testing::Types<Case<DeviceKind::cuda, float>, Case<DeviceKind::cuda, double>>;

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
      for (const std::int32_t most : {1, 30}) {
        const Problem p = {.n = 70,
                           .m = 5,
                           .density = 0.2,
                           .adjoint = adjoint,
                           .start = start,
                           .most = most,
                           .certified = start == SolveStart::given};
        SCOPED_TRACE(described(p));
        const auto numbers = this->numbers_of(p);
        const std::vector<std::size_t> stopped = {1, 4};
        const auto fused = this->run(p, numbers, LoopStrategy::fused, stopped);
        const auto generic = this->run(p, numbers, LoopStrategy::conditional_node, stopped);
        EXPECT_EQ(fused.status, generic.status);
        EXPECT_EQ(fused.iterations, generic.iterations);
        EXPECT_EQ(fused.active, generic.active);
        EXPECT_LT(max_difference(fused.X, generic.X), 8.0 * 78 * this->unit());
        if (start != SolveStart::running) continue;
        for (const std::size_t j : stopped)
          for (std::size_t i = 0; i < 70; ++i)
            EXPECT_EQ(fused.X[i + j * 70], numbers.start[i + j * 70]);
      }
}

TYPED_TEST(FusedSparseTest, PsiIsMadeWhereADerivativeMakesIt) {
  for (const SolveStart start : {SolveStart::zero, SolveStart::given}) {
    const Problem p = {.adjoint = true, .start = start};
    auto numbers = this->numbers_of(p);
    const auto S = this->view(p.n, p.m, numbers.held);
    const auto Z = this->view(p.n, p.m, numbers.slopes);
    auto solve = this->describe(p, numbers);
    auto& map = std::get<AdjointMap<typename TypeParam::Scalar>>(solve.f);
    map.derivative = {.S = S,
                      .Z = Z,
                      .Psi = MatrixView(this->view(p.n, p.m)),
                      .activation = {.kind = ActivationKind::tanh}};
    map.Psi = map.derivative->Psi;
    this->compile(solve, LoopStrategy::fused)->launch();
    const auto got = this->answer_of(solve);
    for (std::size_t k = 0; k < numbers.slopes.size(); ++k) {
      const double x = std::tanh(numbers.held[k] + numbers.slopes[k]);
      numbers.slopes[k] = 1 - x * x;
    }
    EXPECT_LT(max_difference(got.X, this->naive(p, numbers, got.iterations)),
              8.0 * 48 * this->unit());
  }
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
  for (const bool adjoint : {false, true}) {
    const Problem p = {.n = 45, .m = 5, .density = 0.2, .adjoint = adjoint};
    auto numbers = this->numbers_of(p);
    const auto clean = this->run(p, numbers, LoopStrategy::fused);
    numbers.held[4 * 45 + 7] = k_nan;
    const auto got = this->run(p, numbers, LoopStrategy::fused);
    EXPECT_EQ(got.status[4], static_cast<std::uint8_t>(SolveStatus::diverged));
    for (std::size_t j = 0; j < 5; ++j) {
      if (j == 4) continue;
      EXPECT_EQ(got.iterations[j], clean.iterations[j]);
      EXPECT_EQ(got.status[j], clean.status[j]);
      for (std::size_t i = 0; i < 45; ++i) EXPECT_EQ(got.X[i + j * 45], clean.X[i + j * 45]);
    }
  }
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
  for (const bool adjoint : {false, true}) {
    const Problem p = {
        .n = 90, .m = 9, .density = 0.1, .adjoint = adjoint, .most = 2, .batch_invariant = true};
    const auto numbers = this->numbers_of(p);
    const auto batch = this->run(p, numbers, LoopStrategy::fused);
    for (const std::size_t j : {0U, 8U}) {
      Problem one = p;
      one.m = 1;
      auto own = numbers;
      for (auto* all : {&own.start, &own.held, &own.slopes}) {
        const auto first = all->begin() + static_cast<std::ptrdiff_t>(j * 90);
        *all = std::vector<double>(first, first + 90);
      }
      const auto alone = this->run(one, own, LoopStrategy::fused);
      const auto first = batch.X.begin() + static_cast<std::ptrdiff_t>(j * 90);
      EXPECT_EQ(alone.X, std::vector<double>(first, first + 90)) << j;
      EXPECT_EQ(alone.steps[0], batch.steps[j]);
      EXPECT_EQ(alone.iterations[0], batch.iterations[j]);
    }
  }
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
