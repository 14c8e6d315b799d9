// SPDX-License-Identifier: MIT
// Which way a solve with a sparse A takes, by what each is expected to take.
#include <gtest/gtest.h>

#include <optional>

#include "kernels/cuda/loop/sparse_choice.hpp"

namespace idl::cuda {
namespace {

constexpr int k_multiprocessors = 132;
constexpr double k_never = 1e9;

template <class T>
FixedPoint<T> solve_of(index_t n, index_t m, double density) {
  FixedPoint<T> solve;
  CsrMap<T> map;
  map.A.rows = map.A.cols = n;
  map.A.nnz = static_cast<index_t>(density * static_cast<double>(n) * static_cast<double>(n));
  map.transposed = map.A;
  solve.A = map;
  solve.X.rows = n;
  solve.X.cols = m;
  solve.f = PicardMap<T>{.Z = {}, .activation = {}};
  solve.decision.max_iterations = 100;
  return solve;
}

template <class T>
std::optional<LoopStrategy> way_of(const FixedPoint<T>& solve, std::optional<double> fused = {},
                                   bool has_library = true) {
  return choose_sparse_way(solve, fused, {.multiprocessors = k_multiprocessors, .has_library = [=] {
                                            return has_library;
                                          }});
}

TEST(SparseChoice, TakesOneKernelWhereThatIsExpectedToBeTheFastest) {
  const auto solve = solve_of<float>(300, 1000, 0.1);
  const SparseSeconds others = expect_seconds(solve, k_multiprocessors);
  EXPECT_EQ(way_of(solve, 0.9 * others.row_split), LoopStrategy::fused);
  EXPECT_EQ(way_of(solve, 1.1 * others.row_split), LoopStrategy::row_split);
  EXPECT_EQ(way_of(solve), LoopStrategy::row_split);
}

TEST(SparseChoice, TakesTheLibraryForWhatNoBlockHolds) {
  const auto large = solve_of<float>(16384, 1024, 0.01);
  EXPECT_EQ(way_of(large), LoopStrategy::library_product);
  EXPECT_EQ(way_of(large, k_never), LoopStrategy::library_product);
  EXPECT_EQ(way_of(large, {}, false), LoopStrategy::row_split);
  // Of few entries the update is most of an iteration, and the library leaves it to a kernel more.
  EXPECT_EQ(way_of(solve_of<float>(16384, 1024, 0.0001)), LoopStrategy::row_split);
}

TEST(SparseChoice, AsksForTheLibraryWhereItWouldBeTakenAlone) {
  bool asked = false;
  const SparseDevice device = {.multiprocessors = k_multiprocessors, .has_library = [&] {
                                 asked = true;
                                 return true;
                               }};
  choose_sparse_way(solve_of<float>(300, 100, 0.1), {}, device);
  EXPECT_FALSE(asked);
  choose_sparse_way(solve_of<float>(16384, 1024, 0.01), {}, device);
  EXPECT_TRUE(asked);
}

TEST(SparseChoice, IsTheSameForTheAdjointOfAnOwnActivation) {
  auto solve = solve_of<float>(300, 1000, 0.1);
  const SparseSeconds others = expect_seconds(solve, k_multiprocessors);
  ActivationDerivative<float> derivative;
  derivative.activation.kind = ActivationKind::custom;
  solve.f = AdjointMap<float>{.G = {}, .Psi = {}, .derivative = derivative};
  EXPECT_EQ(way_of(solve, 0.5 * others.row_split), LoopStrategy::fused);
  EXPECT_EQ(way_of(solve), LoopStrategy::row_split);
  // The kernels for rows of samples have no own φ in them.
  solve.f = PicardMap<float>{.Z = {}, .activation = {ActivationKind::custom}};
  EXPECT_EQ(way_of(solve), std::nullopt);
}

TEST(SparseChoice, LeavesFewColumnsToProductsOverColumns) {
  // A warp would have one sample.
  EXPECT_EQ(way_of(solve_of<float>(16384, 1, 0.01), {}, false), std::nullopt);
  EXPECT_EQ(way_of(solve_of<float>(16384, 32, 0.01), {}, false), LoopStrategy::row_split);
}

TEST(SparseChoice, DependsOnNoNumberOfColumnsWhereBitsMustNot) {
  for (const index_t m : {1, 33, 5000}) {
    auto solve = solve_of<float>(16384, m, 0.01);
    solve.batch_invariant = true;
    EXPECT_EQ(way_of(solve), LoopStrategy::row_split) << m;
    EXPECT_EQ(way_of(solve, k_never), LoopStrategy::fused) << m;
  }
}

TEST(SparseChoice, LeavesWhatCannotRunInRowsToTheSteps) {
  auto solve = solve_of<double>(300, 1000, 0.1);
  solve.sweep = Sweep::gauss_seidel;
  EXPECT_EQ(way_of(solve), std::nullopt);
  solve.sweep = Sweep::jacobi;
  EXPECT_EQ(way_of(solve), LoopStrategy::row_split);
  solve.decision.max_iterations = 0;
  EXPECT_EQ(way_of(solve), std::nullopt);
}

TEST(SparseChoice, ExpectsTwiceTheTimeOfDoubleAndOfHalfADevice) {
  const auto single = expect_seconds(solve_of<float>(16384, 1024, 0.01), k_multiprocessors);
  const auto twice = expect_seconds(solve_of<double>(16384, 1024, 0.01), k_multiprocessors);
  EXPECT_NEAR(twice.row_split / single.row_split, 2.0, 1e-9);
  const auto half = expect_seconds(solve_of<float>(16384, 1024, 0.01), k_multiprocessors / 2);
  EXPECT_GT(half.row_split / single.row_split, 1.5);
}

}  // namespace
}  // namespace idl::cuda
