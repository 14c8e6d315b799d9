// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class ArgmaxColumnsTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;
  std::vector<std::int32_t> argmax(index_t rows, index_t cols, const std::vector<double>& X) {
    const auto indices =
        this->vector(std::vector<std::int32_t>(static_cast<std::size_t>(cols), -1));
    this->run(ArgmaxColumns<Element>{.X = this->view(rows, cols, X), .indices = indices});
    return this->fetch_vector(indices);
  }
};
TYPED_TEST_SUITE(ArgmaxColumnsTest, AllCases, CaseNames);

TYPED_TEST(ArgmaxColumnsTest, FirstOfEqualsAndNanAboveAll) {
  EXPECT_EQ(this->argmax(3, 4, {1, 3, 3, -5, -6, -5, k_nan, 9, k_nan, 1, 2, k_nan}),
            (std::vector<std::int32_t>{1, 0, 0, 2}));
}

TYPED_TEST(ArgmaxColumnsTest, EqualsTheNaiveSearchInEveryShape) {
  for (const index_t rows : {1, 31, 33, 1000})
    for (const index_t cols : {0, 1, 33}) {
      const auto X = this->rounded(this->random_.uniforms(rows * cols, -1, 1));
      const auto found = this->argmax(rows, cols, X);
      const auto size = static_cast<std::size_t>(rows);
      for (std::size_t j = 0; j < static_cast<std::size_t>(cols); ++j) {
        std::size_t best = 0;
        for (std::size_t i = 1; i < size; ++i)
          if (X[i + j * size] > X[best + j * size]) best = i;
        ASSERT_EQ(found[j], static_cast<std::int32_t>(best));
      }
    }
}

}  // namespace
}  // namespace idl::test
