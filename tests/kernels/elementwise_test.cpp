// SPDX-License-Identifier: MIT
// add_scaled, copy_matrix, fill, convert.
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class ElementwiseTest : public KernelTest<C> {};
TYPED_TEST_SUITE(ElementwiseTest, AllCases, CaseNames);

TYPED_TEST(ElementwiseTest, AddScaledCopyAndFillTouchExactlyTheirMatrix) {
  using T = typename TypeParam::Scalar;
  for (const index_t rows : k_awkward_sizes)
    for (const index_t cols : {0, 1, 33}) {
      std::vector<double> x(static_cast<std::size_t>(rows * cols));
      for (double& value : x) value = static_cast<double>(this->random_.integer(-9, 9));
      const auto X = this->view(rows, cols, x);
      const auto Y = this->view(rows, cols, 2.0);
      this->run(AddScaled<T>{.X = X, .Y = Y, .alpha = T(3)});
      auto expected = x;
      for (double& value : expected) value = 2.0 + 3.0 * value;
      ASSERT_EQ(this->fetch_double(Y), expected);
      this->run(CopyMatrix<T>{.X = X, .Y = Y});
      ASSERT_EQ(this->fetch_double(Y), x);
      this->run(Fill<T>{.Y = Y, .value = T(-4)});
      ASSERT_EQ(this->fetch_double(Y), std::vector<double>(x.size(), -4.0));
    }
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(ElementwiseTest, ConvertRoundsToNearest) {
  using T = typename TypeParam::Scalar;
  using Other = typename Convert<T>::Other;
  const auto x = this->rounded(this->random_.uniforms(33 * 3, -1, 1));
  Matrix<Other> Y(this->context(), 33, 3);
  this->run(Convert<T>{.X = this->view(33, 3, x), .Y = Y});
  const std::vector<Other> values = download(this->context(), Y);
  for (std::size_t e = 0; e < x.size(); ++e) ASSERT_EQ(values[e], static_cast<Other>(x[e]));
}

TYPED_TEST(ElementwiseTest, WrongShapesAreRefusedWithBothShapes) {
  using T = typename TypeParam::Scalar;
  EXPECT_TRUE(holds(this->refusal_of(CopyMatrix<T>{.X = this->view(2, 3), .Y = this->view(3, 2)}),
                    {"2x3", "3x2"}));
  EXPECT_TRUE(holds(this->refusal_of(AddScaled<T>{.X = this->view(2, 3), .Y = this->view(2, 4)}),
                    {"2x3", "2x4"}));
}

}  // namespace
}  // namespace idl::test
