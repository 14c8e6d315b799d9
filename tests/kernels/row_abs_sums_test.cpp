// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class RowAbsSumsTest : public KernelTest<C> {};
TYPED_TEST_SUITE(RowAbsSumsTest, AllCases, CaseNames);

TYPED_TEST(RowAbsSumsTest, EqualsTheNaiveSumInEveryShape) {
  using T = typename TypeParam::Scalar;
  for (const index_t rows : {0, 1, 31, 33, 257})
    for (const index_t cols : {0, 1, 33, 1000}) {
      const auto A = this->rounded(this->random_.uniforms(rows * cols, -1, 1));
      const auto sums = this->reals(rows, -1);
      this->run(RowAbsSums<T>{.A = this->view(rows, cols, A), .sums = sums});
      const auto values = this->fetch_reals(sums);
      for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
        double sum = 0.0;
        for (std::size_t j = 0; j < static_cast<std::size_t>(cols); ++j)
          sum += std::abs(A[i + j * static_cast<std::size_t>(rows)]);
        ASSERT_NEAR(values[i], sum, (static_cast<double>(cols) + 1) * this->unit() / 2 * sum);
      }
    }
}

TYPED_TEST(RowAbsSumsTest, NanStaysInItsRowAndWrongSizesAreRefused) {
  using T = typename TypeParam::Scalar;
  const auto sums = this->reals(2);
  this->run(RowAbsSums<T>{.A = this->view(2, 2, {k_nan, 1, 2, -3}), .sums = sums});
  const auto values = this->fetch_reals(sums);
  EXPECT_TRUE(std::isnan(values[0]));
  EXPECT_EQ(values[1], 4.0);
  EXPECT_TRUE(holds(this->refusal_of(RowAbsSums<T>{.A = this->view(2, 2), .sums = this->reals(3)}),
                    {"3", "2"}));
}

}  // namespace
}  // namespace idl::test
