// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class TransposeTest : public KernelTest<C> {};
TYPED_TEST_SUITE(TransposeTest, AllCases, CaseNames);

TYPED_TEST(TransposeTest, MovesEveryEntryAndNothingElse) {
  using T = typename TypeParam::Scalar;
  for (const index_t n : k_awkward_sizes)
    for (const index_t m : {0, 1, 31, 33, 100}) {
      if (n * m > 40000) continue;
      std::vector<double> X(static_cast<std::size_t>(n * m));
      for (std::size_t k = 0; k < X.size(); ++k) X[k] = static_cast<double>(k);
      const auto Y = this->view(m, n, -1.0);
      this->run(Transpose<T>{.X = this->view(n, m, X), .Y = Y});
      const auto got = this->fetch_double(Y);
      for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j)
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
          ASSERT_EQ(got[j + i * static_cast<std::size_t>(m)],
                    X[i + j * static_cast<std::size_t>(n)]);
    }
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(TransposeTest, RefusesOtherShapes) {
  using T = typename TypeParam::Scalar;
  const auto X = this->view(3, 2);
  EXPECT_TRUE(holds(this->refusal_of(Transpose<T>{.X = X, .Y = this->view(3, 3)}),
                    {"Transpose", "Y has 3 rows", "X has 2 columns"}));
  EXPECT_TRUE(holds(this->refusal_of(Transpose<T>{.X = X, .Y = this->view(2, 2)}),
                    {"Transpose", "Y has 2 columns", "X has 3 rows"}));
}

}  // namespace
}  // namespace idl::test
