// SPDX-License-Identifier: MIT
#include <algorithm>
#include <numeric>

#include "tests/kernels/kernel_test.hpp"
#include "tests/kernels/l1_oracle.hpp"

namespace idl::test {
namespace {

template <class C>
class ProjectRowsL1Test : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;

  std::vector<Element> project(index_t rows, index_t cols, const std::vector<double>& A,
                               double radius, double threshold = 0) {
    this->forget_views();
    const auto matrix = this->view(rows, cols, A);
    zeros_ = this->vector(std::vector<std::int32_t>(static_cast<std::size_t>(rows), -1));
    this->run(ProjectRowsL1<Element>{.A = matrix,
                                     .radius = static_cast<Element>(radius),
                                     .zeros = zeros_,
                                     .threshold = static_cast<Element>(threshold)});
    EXPECT_TRUE(this->frames_untouched());
    return this->fetch(matrix);
  }
  std::vector<Element> exact(const std::vector<double>& values) {
    return {values.begin(), values.end()};
  }
  /// θ and the entries are good to a few roundings; the sum stays below the radius by a margin
  /// that grows with the number of entries.
  static double tolerance(index_t cols) {
    return (static_cast<double>(cols) + 32) * KernelTest<C>::unit();
  }
  VectorView<std::int32_t> zeros_;
};
TYPED_TEST_SUITE(ProjectRowsL1Test, AllCases, CaseNames);

TYPED_TEST(ProjectRowsL1Test, RowsInsideAndOnTheBallKeepTheirBits) {
  const std::vector<double> A = {0.25, 0.5, 0, -0.25, 0.25, 0, 0.125, 0.25, -0.0};
  EXPECT_TRUE(same_bits(this->project(3, 3, A, 1.0), this->exact(A)));
  EXPECT_EQ(this->fetch_vector(this->zeros_), (std::vector<std::int32_t>{0, 0, 3}));
}

TYPED_TEST(ProjectRowsL1Test, ByHandWithTies) {
  // Row 0: (3, -1, 0) -> (2, 0, 0) for radius 2; row 1: (2, 2, -2) -> 2/3 each.
  const auto result = this->project(2, 3, {3, 2, -1, 2, 0, -2}, 2.0);
  EXPECT_NEAR(static_cast<double>(result[0]), 2.0, this->tolerance(3));
  EXPECT_EQ(result[2], 0);
  EXPECT_EQ(result[4], 0);
  for (const std::size_t e : {1U, 3U, 5U})
    EXPECT_NEAR(std::abs(static_cast<double>(result[e])), 2.0 / 3.0, this->tolerance(3));
  EXPECT_LT(result[5], 0);
  EXPECT_EQ(this->fetch_vector(this->zeros_), (std::vector<std::int32_t>{2, 0}));
}

TYPED_TEST(ProjectRowsL1Test, AgreesWithSortingForAwkwardSizes) {
  for (const index_t rows : {1, 31, 33, 100})
    for (const index_t cols : {1, 2, 33, 257, 1000}) {
      auto A = this->rounded(this->random_.uniforms(rows * cols, -1, 1));
      for (double& value : A)
        if (this->random_.unit() < 0.1) value = 0.0;
      const double radius = 0.5;
      const auto result = this->project(rows, cols, A, radius);
      for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
        std::vector<double> row;
        for (std::size_t j = 0; j < static_cast<std::size_t>(cols); ++j)
          row.push_back(A[i + j * static_cast<std::size_t>(rows)]);
        const auto expected = by_sorting(row, radius);
        double sum = 0.0;
        for (std::size_t j = 0; j < row.size(); ++j) {
          const double value = static_cast<double>(result[i + j * static_cast<std::size_t>(rows)]);
          ASSERT_NEAR(value, expected[j], this->tolerance(cols)) << rows << "x" << cols;
          sum += std::abs(value);
        }
        ASSERT_LE(sum, radius);
      }
    }
}

TYPED_TEST(ProjectRowsL1Test, ProjectingTwiceChangesNoBitAndNeverExceedsTheRadiusInAnyOrder) {
  for (const double radius : {0.95, 0.1, 3.0})
    for (const index_t cols : {1, 7, 100, 1000}) {
      const index_t rows = 64;
      const auto once =
          this->project(rows, cols, this->random_.uniforms(rows * cols, -2, 2), radius);
      const std::vector<double> values(once.begin(), once.end());
      const auto limit = static_cast<double>(static_cast<typename TypeParam::Scalar>(radius));
      for (std::size_t i = 0; i < 64; ++i) {
        double forward = 0.0, backward = 0.0;
        const auto count = static_cast<std::size_t>(cols);
        for (std::size_t j = 0; j < count; ++j) {
          forward += std::abs(values[i + j * 64]);
          backward += std::abs(values[i + (count - 1 - j) * 64]);
        }
        ASSERT_LE(forward, limit);
        ASSERT_LE(backward, limit);
      }
      ASSERT_TRUE(same_bits(this->project(rows, cols, values, radius), once));
    }
}

TYPED_TEST(ProjectRowsL1Test, JustOutsideTheBallMovesByNoMoreThanTheExcess) {
  using T = typename TypeParam::Scalar;
  const T outside = std::nextafter(T(0.5), T(1));
  const auto result = this->project(1, 2, {static_cast<double>(outside), 0.5}, 1.0);
  EXPECT_LE(static_cast<double>(result[0]) + static_cast<double>(result[1]), 1.0);
  EXPECT_NEAR(static_cast<double>(result[0]), 0.5, this->tolerance(2));
  EXPECT_NEAR(static_cast<double>(result[1]), 0.5, this->tolerance(2));
}

// Fractions of tens and sevenths: many rows have an entry that τ meets up to rounding, where it is
// active in one round of Newton's method and not in the next.
TYPED_TEST(ProjectRowsL1Test, EndsWhereAnEntryMeetsTheThreshold) {
  for (const double unit : {10.0, 7.0, 3.0})
    for (int step = 1; step <= 12; ++step) {
      const double radius = step / unit;
      std::vector<double> A;
      for (int i = 0; i < 3 * 100; ++i) A.push_back((i * 37 + i * i * 11) % 23 / unit);
      const std::vector<double> held = this->rounded(A);
      const auto result = this->project(100, 3, held, this->rounded({radius})[0]);
      for (std::size_t i = 0; i < 100; ++i) {
        const std::vector<double> expected =
            by_sorting({held[i], held[i + 100], held[i + 200]}, this->rounded({radius})[0]);
        for (std::size_t j = 0; j < 3; ++j)
          ASSERT_NEAR(static_cast<double>(result[i + 100 * j]), expected[j],
                      this->tolerance(3) * (1.0 + expected[j]));
      }
    }
}

TYPED_TEST(ProjectRowsL1Test, OneByOneAndAllZero) {
  const auto one = this->project(1, 1, {-7}, 0.5);
  EXPECT_LE(-static_cast<double>(one[0]), 0.5);
  EXPECT_NEAR(static_cast<double>(one[0]), -0.5, this->tolerance(1));
  EXPECT_EQ(this->project(2, 2, {0, 0, 0, 0}, 0.5), this->exact({0, 0, 0, 0}));
  EXPECT_EQ(this->fetch_vector(this->zeros_), (std::vector<std::int32_t>{2, 2}));
  this->project(0, 5, {}, 0.5);
}

TYPED_TEST(ProjectRowsL1Test, LongRows) {
  const index_t cols = 100000;
  const auto A = this->rounded(this->random_.uniforms(cols, -1, 1));
  const auto result = this->project(1, cols, A, 0.95);
  const auto expected = by_sorting(A, 0.95);
  double sum = 0.0;
  for (std::size_t j = 0; j < result.size(); ++j) {
    ASSERT_NEAR(static_cast<double>(result[j]), expected[j], 1e-7);
    sum += std::abs(static_cast<double>(result[j]));
  }
  EXPECT_LE(sum, 0.95);
  EXPECT_GT(sum, 0.95 * (1 - 1e-5));
}

// Too long for the shared memory of one block: floats from 1281 on, doubles from 641.
TYPED_TEST(ProjectRowsL1Test, SlabsOfRowsThatAreSharedByBlocks) {
  using T = typename TypeParam::Scalar;
  constexpr auto k_size = static_cast<index_t>(sizeof(T));
  for (const index_t cols : {5124 / k_size, 4 * 8192 / k_size, 4 * 8192 / k_size + 1,
                             4 * 16384 / k_size, 4 * 16384 / k_size + 1}) {
    const index_t rows = 9;
    auto A = this->rounded(this->random_.uniforms(rows * cols, -1, 1));
    for (index_t j = 0; j < cols; ++j) {
      A[static_cast<std::size_t>(2 + j * rows)] *= 0x1p-20;  // inside
      A[static_cast<std::size_t>(3 + j * rows)] *= j % 3 == 0 ? 0.0 : 1.0;
    }
    A[static_cast<std::size_t>(5 + (cols - 1) * rows)] = k_nan;
    const double radius = 0.75;
    const auto result = this->project(rows, cols, A, radius);
    const auto zeros = this->fetch_vector(this->zeros_);
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
      std::vector<double> row, projected;
      for (std::size_t j = 0; j < static_cast<std::size_t>(cols); ++j) {
        row.push_back(A[i + j * static_cast<std::size_t>(rows)]);
        projected.push_back(static_cast<double>(result[i + j * static_cast<std::size_t>(rows)]));
      }
      EXPECT_EQ(std::count(projected.begin(), projected.end(), 0.0), zeros[i]);
      if (i == 2 || i == 5) {
        EXPECT_TRUE(same_bits(projected, row)) << "row " << i;
        continue;
      }
      const auto expected = by_sorting(row, radius);
      double sum = 0.0;
      for (std::size_t j = 0; j < row.size(); ++j) {
        ASSERT_NEAR(projected[j], expected[j], std::max(128 * this->unit(), 1e-12)) << cols;
        sum += std::abs(projected[j]);
      }
      EXPECT_LE(sum, radius);
      EXPECT_GT(sum, radius * (1 - 1e-4));
    }
  }
}

TYPED_TEST(ProjectRowsL1Test, RowsThatAreNotFiniteStayAndHarmNoOther) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> A = {k_nan, 4, infinity, 1, 4, 1};
  const auto result = this->project(3, 2, A, 1.0);
  EXPECT_TRUE(std::isnan(result[0]));
  EXPECT_EQ(result[3], 1);
  EXPECT_TRUE(std::isinf(result[2]));
  EXPECT_EQ(result[5], 1);
  EXPECT_NEAR(static_cast<double>(result[1]), 0.5, this->tolerance(2));
  EXPECT_NEAR(static_cast<double>(result[4]), 0.5, this->tolerance(2));
}

TYPED_TEST(ProjectRowsL1Test, ByAThresholdRowsInsideShrinkByHand) {
  const auto result =
      this->project(3, 3, {0.5, -0.25, 0, -0.125, 0.25, -0.0, 1, 0.5, 3}, 1.5, 0.25);
  // Row 2 becomes (0, 0, 2.75) and then lies outside.
  const std::vector<double> expected = {0.25, 0, 0, 0, 0, 0, 0.75, 0.25, 1.5};
  for (std::size_t k = 0; k < 9; ++k)
    EXPECT_NEAR(static_cast<double>(result[k]), expected[k], k == 8 ? this->tolerance(3) : 0) << k;
  EXPECT_EQ(this->fetch_vector(this->zeros_), (std::vector<std::int32_t>{1, 2, 2}));
}

TYPED_TEST(ProjectRowsL1Test, WithAThresholdItProjectsWhatHasShrunk) {
  for (const index_t cols : {1, 7, 33, 300, 1500})
    for (const double threshold : {0.001, 0.05, 0.4, 2.0}) {
      if (cols > 1000 && threshold != 0.05) continue;  // once for rows that blocks share
      const index_t rows = 12;
      auto A = this->rounded(this->random_.uniforms(rows * cols, -1, 1));
      for (std::size_t k = 0; k < A.size(); ++k)
        if (k % 12 < 5) A[k] /= static_cast<double>(cols);  // these rows end inside
      A = this->rounded(A);
      const double radius = this->rounded({0.7})[0];
      const double lambda = this->rounded({threshold})[0];
      const auto result = this->project(rows, cols, A, radius, lambda);
      for (std::size_t i = 0; i < 12; ++i) {
        std::vector<double> row, x;
        for (std::size_t j = 0; j < static_cast<std::size_t>(cols); ++j) {
          row.push_back(A[i + j * 12]);
          x.push_back(static_cast<double>(result[i + j * 12]));
        }
        const auto expected = prox_by_sorting(row, radius, lambda);
        double sum = 0.0;
        for (std::size_t j = 0; j < row.size(); ++j) {
          ASSERT_NEAR(x[j], expected[j], this->tolerance(cols)) << cols << ", " << threshold;
          sum += std::abs(x[j]);
        }
        ASSERT_LE(sum, radius);
      }
      // What it has left is in the ball, bit for bit.
      const std::vector<double> held(result.begin(), result.end());
      ASSERT_TRUE(same_bits(this->project(rows, cols, held, radius), result));
    }
}

TYPED_TEST(ProjectRowsL1Test, NoPointOfTheBallIsBetterThanTheProximalOne) {
  const std::vector<double> a = this->rounded({0.9, -0.4, 0.15, -0.05, 0.6});
  for (const double threshold : {0.0, 0.1, 0.3}) {
    const auto result = this->project(1, 5, a, 1.0, threshold);
    const std::vector<double> x(result.begin(), result.end());
    const double least = prox_objective(x, a, this->rounded({threshold})[0]);
    for (int trial = 0; trial < 2000; ++trial) {
      std::vector<double> other = x;
      for (double& value : other) value += this->random_.uniform(-0.2, 0.2);
      other = by_sorting(other, 1.0);
      // x is off by roundings of its entries, the objective by as many.
      ASSERT_GE(prox_objective(other, a, this->rounded({threshold})[0]),
                least - this->tolerance(5));
    }
  }
}

TYPED_TEST(ProjectRowsL1Test, TakesTheThresholdFromTheDevice) {
  using T = typename TypeParam::Scalar;
  const auto A = this->view(1, 2, {0.5, -0.375});
  this->run(ProjectRowsL1<T>{
      .A = A, .radius = T(1), .threshold = T(9), .schedule = this->reals(1, 0.25)});
  EXPECT_EQ(this->fetch_double(A), (std::vector<double>{0.25, -0.125}));
  EXPECT_TRUE(holds(this->refusal_of(ProjectRowsL1<T>{.A = A, .radius = T(1), .threshold = T(-1)}),
                    {"ProjectRowsL1", "threshold is -1"}));
  EXPECT_TRUE(holds(
      this->refusal_of(ProjectRowsL1<T>{.A = A, .radius = T(1), .schedule = this->reals({1, 2})}),
      {"schedule", "2 elements"}));
}

TYPED_TEST(ProjectRowsL1Test, WithAThresholdRowsThatAreNotFiniteStayAndHarmNoOther) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto result = this->project(3, 2, {k_nan, 0.5, infinity, 1, 0.25, 1}, 1.0, 0.25);
  EXPECT_TRUE(std::isnan(result[0]));
  EXPECT_TRUE(std::isinf(result[2]));
  EXPECT_EQ(result[3], 1);
  EXPECT_EQ(result[5], 1);
  EXPECT_EQ(result[1], 0.25F);
  EXPECT_EQ(result[4], 0);
}

}  // namespace
}  // namespace idl::test
