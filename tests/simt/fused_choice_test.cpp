// SPDX-License-Identifier: MIT
// Which loops are taken for one kernel, and for which that pays.
#include <gtest/gtest.h>

#include <optional>

#include "kernels/cuda/loop/fused_loop.hpp"

namespace idl::cuda {
namespace {

/// match() for a Picard loop over n×m floats on a device of 4 multiprocessors, which holds two
/// clusters at a time.
std::optional<FusedLoop> match_loop(index_t n, index_t m, bool batch_invariant = false,
                                    index_t rows_of_product = 0) {
  static float matrices[4] = {};
  const auto view = [](float* data, index_t rows, index_t cols) {
    return MatrixView<float>{data, rows, cols, rows, Device::cuda(0)};
  };
  const MatrixView<float> X = view(&matrices[0], n, m);
  const MatrixView<float> S = view(&matrices[1], n, m);
  const index_t rows = rows_of_product == 0 ? n : rows_of_product;
  Gemm<float> product;
  product.A = view(&matrices[2], rows, n);
  product.B = X;
  product.C = S;
  product.batch_invariant = batch_invariant;
  PicardUpdate<float> update;
  update.S = S;
  update.Z = view(&matrices[3], n, m);
  update.X = X;
  return FusedLoop::match({product, update, UpdateStatus<float>{}}, {}, 4);
}

TEST(FusedChoice, TakesAnyNumberOfColumnsThatOneBlockHolds) {
  const auto loop = match_loop(208, 100000);
  ASSERT_TRUE(loop.has_value());
  EXPECT_TRUE(loop->worthwhile());
}

TEST(FusedChoice, TakesFewColumnsForClusters) {
  // Two columns per cluster, two clusters at a time.
  EXPECT_TRUE(match_loop(209, 16).value().worthwhile());
  EXPECT_FALSE(match_loop(209, 17).value().worthwhile());
}

TEST(FusedChoice, TakesTwiceAsManyWhereFourShareACluster) {
  EXPECT_TRUE(match_loop(320, 32).value().worthwhile());
  EXPECT_FALSE(match_loop(320, 33).value().worthwhile());
  EXPECT_FALSE(match_loop(321, 17).value().worthwhile());
}

TEST(FusedChoice, DependsNotOnTheBatchWhereBitsMustNot) {
  for (const index_t m : {1, 17, 1000})
    EXPECT_TRUE(match_loop(209, m, true).value().worthwhile()) << m;
}

TEST(FusedChoice, RefusesWhatNoClusterHoldsAndWhatIsNoSuchLoop) {
  EXPECT_TRUE(match_loop(896, 1).has_value());
  EXPECT_FALSE(match_loop(897, 1).has_value());
  EXPECT_FALSE(match_loop(300, 1, false, 299).has_value());
}

}  // namespace
}  // namespace idl::cuda
