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

TYPED_TEST(RowAbsSumsTest, WeightsMultiplyTheColumns) {
  using T = typename TypeParam::Scalar;
  for (const index_t rows : {1, 2, 300}) {
    std::vector<double> A(static_cast<std::size_t>(3 * rows));
    for (std::size_t k = 0; k < A.size(); ++k) A[k] = static_cast<double>(k % 7) - 3;
    const auto sums = this->reals(rows, -1);
    this->run(RowAbsSums<T>{
        .A = this->view(rows, 3, A), .sums = sums, .weights = this->reals({0.5, -8, 2})});
    const auto values = this->fetch_reals(sums);
    const auto size = static_cast<std::size_t>(rows);
    for (std::size_t i = 0; i < size; ++i)
      EXPECT_EQ(values[i],
                0.5 * std::abs(A[i]) + 8 * std::abs(A[i + size]) + 2 * std::abs(A[i + 2 * size]));
  }
  EXPECT_TRUE(holds(this->refusal_of(RowAbsSums<T>{
                        .A = this->view(2, 3), .sums = this->reals(2), .weights = this->reals(2)}),
                    {"weights has 2 elements", "3 columns"}));
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
