// SPDX-License-Identifier: MIT
// Which loops are taken for one kernel, and for which that pays.
#include <gtest/gtest.h>

#include <optional>

#include "kernels/cuda/loop/fused_loop.hpp"

namespace idl::cuda {
namespace {

/// fit() for a Picard loop over n×m floats on a device of 4 multiprocessors, which holds two
/// clusters at a time.
std::optional<FusedLoop> fit_loop(index_t n, index_t m, bool batch_invariant = false,
                                  Sweep sweep = Sweep::jacobi) {
  static float matrices[4] = {};
  const auto view = [](float* data, index_t rows, index_t cols) {
    return MatrixView<float>{data, rows, cols, rows, Device::cuda(0)};
  };
  FixedPoint<float> solve;
  solve.A = DenseMap<float>{view(&matrices[0], n, n)};
  solve.batch_invariant = batch_invariant;
  solve.X = view(&matrices[1], n, m);
  solve.product = view(&matrices[2], n, m);
  solve.f = PicardMap<float>{.Z = view(&matrices[3], n, m), .activation = {}};
  solve.decision.max_iterations = 300;
  solve.sweep = sweep;
  return FusedLoop::fit(solve, 4);
}

TEST(FusedChoice, TakesAnyNumberOfColumnsThatOneBlockHolds) {
  const auto loop = fit_loop(208, 100000);
  ASSERT_TRUE(loop.has_value());
  EXPECT_TRUE(loop->worthwhile());
}

TEST(FusedChoice, TakesFewColumnsForClusters) {
  // Two columns per cluster, two clusters at a time.
  EXPECT_TRUE(fit_loop(209, 16).value().worthwhile());
  EXPECT_FALSE(fit_loop(209, 17).value().worthwhile());
}

TEST(FusedChoice, TakesTwiceAsManyWhereFourShareACluster) {
  EXPECT_TRUE(fit_loop(320, 32).value().worthwhile());
  EXPECT_FALSE(fit_loop(320, 33).value().worthwhile());
  EXPECT_FALSE(fit_loop(321, 17).value().worthwhile());
}

TEST(FusedChoice, DependsNotOnTheBatchWhereBitsMustNot) {
  for (const index_t m : {1, 17, 1000})
    EXPECT_TRUE(fit_loop(209, m, true).value().worthwhile()) << m;
}

TEST(FusedChoice, RefusesWhatNoClusterHoldsAndWhatIsNoSuchLoop) {
  EXPECT_TRUE(fit_loop(896, 1).has_value());
  EXPECT_FALSE(fit_loop(897, 1).has_value());
  EXPECT_FALSE(fit_loop(300, 1, false, Sweep::gauss_seidel).has_value());
}

}  // namespace
}  // namespace idl::cuda
