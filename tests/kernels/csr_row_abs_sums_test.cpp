// SPDX-License-Identifier: MIT
#include "tests/kernels/sparse.hpp"

namespace idl::test {
namespace {

template <class C>
class CsrRowAbsSumsTest : public SparseTest<C> {};
TYPED_TEST_SUITE(CsrRowAbsSumsTest, AllCases, CaseNames);

TYPED_TEST(CsrRowAbsSumsTest, EqualsTheSumOfEachRowInEveryShape) {
  using T = typename TypeParam::Scalar;
  for (const index_t rows : {0, 1, 31, 33, 257})
    for (const index_t cols : {0, 1, 33, 300}) {
      auto A = this->sparse_values(rows, cols);
      for (std::size_t at = 0; at < A.size(); at += 2) A[at] = -A[at];
      const auto sums = this->reals(rows, -1);
      this->run(CsrRowAbsSums<T>{.A = this->read_only(this->to_csr(rows, cols, A)), .sums = sums});
      const auto values = this->fetch_reals(sums);
      for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
        double sum = 0.0;
        for (std::size_t j = 0; j < static_cast<std::size_t>(cols); ++j)
          sum += std::abs(A[i + j * static_cast<std::size_t>(rows)]);
        ASSERT_EQ(values[i], sum) << rows << "x" << cols << ", row " << i;
      }
    }
}

TYPED_TEST(CsrRowAbsSumsTest, NanStaysInItsRowAndARangeOfRowsIsItself) {
  using T = typename TypeParam::Scalar;
  const auto A = this->read_only(this->to_csr(3, 2, {k_nan, 1, 0, 2, -3, 0}));
  const auto sums = this->reals(3);
  this->run(CsrRowAbsSums<T>{.A = A, .sums = sums});
  const auto values = this->fetch_reals(sums);
  EXPECT_TRUE(std::isnan(values[0]));
  EXPECT_EQ(values[1], 4.0);
  EXPECT_EQ(values[2], 0.0);
  const auto part = this->reals(2);
  this->run(CsrRowAbsSums<T>{.A = A.row_range(1, 2), .sums = part});
  EXPECT_EQ(this->fetch_reals(part), (std::vector<double>{4, 0}));
}

TYPED_TEST(CsrRowAbsSumsTest, RefusesSumsOfAnotherSize) {
  using T = typename TypeParam::Scalar;
  const auto A = this->read_only(this->to_csr(2, 2, {1, 0, 0, 1}));
  EXPECT_TRUE(holds(this->refusal_of(CsrRowAbsSums<T>{.A = A, .sums = this->reals(3)}),
                    {"CsrRowAbsSums", "3", "2"}));
}

}  // namespace
}  // namespace idl::test
