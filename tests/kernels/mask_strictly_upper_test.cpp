// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class MaskStrictlyUpperTest : public KernelTest<C> {};
TYPED_TEST_SUITE(MaskStrictlyUpperTest, AllCases, CaseNames);

TYPED_TEST(MaskStrictlyUpperTest, ClearsTheDiagonalAndWhatIsBelowIt) {
  using T = typename TypeParam::Scalar;
  for (const index_t n : k_awkward_sizes) {
    const auto values = this->rounded(this->random_.uniforms(n * n, 1, 2));
    const auto A = this->view(n, n, values);
    this->run(MaskStrictlyUpper<T>{.A = A});
    const auto masked = this->fetch_double(A);
    const auto size = static_cast<std::size_t>(n);
    for (std::size_t j = 0; j < size; ++j)
      for (std::size_t i = 0; i < size; ++i)
        ASSERT_EQ(masked[i + j * size], i < j ? values[i + j * size] : 0.0);
  }
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(MaskStrictlyUpperTest, ClearsNanToo) {
  using T = typename TypeParam::Scalar;
  const auto A = this->view(2, 2, {k_nan, k_nan, 3, k_nan});
  this->run(MaskStrictlyUpper<T>{.A = A});
  EXPECT_EQ(this->fetch_double(A), (std::vector<double>{0, 0, 3, 0}));
}

}  // namespace
}  // namespace idl::test
