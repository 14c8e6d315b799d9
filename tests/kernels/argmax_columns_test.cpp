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

TYPED_TEST(ArgmaxColumnsTest, TakesTheFirstOfEqualsAndNoneWhereAnEntryIsNan) {
  constexpr double k_inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(this->argmax(3, 6,
                         {1, 3, 3, -5, -6, -5, k_nan, 9, k_nan, 1, 2, k_nan, k_nan, k_nan, k_nan,
                          -k_inf, k_inf, 1}),
            (std::vector<std::int32_t>{1, 0, -1, -1, -1, 1}));
}

TYPED_TEST(ArgmaxColumnsTest, FindsANanWhereverItStandsInALongColumn) {
  for (const index_t place : {0, 31, 32, 255, 256, 999}) {
    auto X = this->rounded(this->random_.uniforms(2000, -1, 1));
    X[static_cast<std::size_t>(1000 + place)] = k_nan;
    const auto found = this->argmax(1000, 2, X);
    EXPECT_GE(found[0], 0);
    EXPECT_EQ(found[1], -1) << place;
  }
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
