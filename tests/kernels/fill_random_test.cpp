// SPDX-License-Identifier: MIT
#include "host/backend_of.hpp"
#include "kernels/math/philox.hpp"
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class FillRandomTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;
  std::vector<Element> draw(index_t rows, index_t cols, std::uint64_t seed,
                            std::uint64_t sequence = 0, double scale = 1.0) {
    const auto A = this->view(rows, cols, k_nan);
    this->run(FillRandom<Element>{.A = A, .seed = seed, .sequence = sequence, .scale = scale});
    EXPECT_TRUE(this->frames_untouched());
    return this->fetch(A);
  }
};
TYPED_TEST_SUITE(FillRandomTest, AllCases, CaseNames);

TYPED_TEST(FillRandomTest, MomentsAndTailsAreThoseOfTheNormalDistribution) {
  const auto values = this->draw(500, 400, 42);
  const auto count = static_cast<double>(values.size());
  double mean = 0, square = 0, fourth = 0, beyond = 0;
  for (const auto value : values) {
    const auto x = static_cast<double>(value);
    mean += x / count;
    square += x * x / count;
    fourth += x * x * x * x / count;
    beyond += std::abs(x) > 1.959963985 ? 1 / count : 0;
  }
  // Five standard errors for 200,000 draws: 1/sqrt(N), sqrt(2/N), sqrt(96/N), sqrt(.0475/N).
  EXPECT_NEAR(mean, 0.0, 5 * std::sqrt(1 / count));
  EXPECT_NEAR(square, 1.0, 5 * std::sqrt(2 / count));
  EXPECT_NEAR(fourth, 3.0, 5 * std::sqrt(96 / count));
  EXPECT_NEAR(beyond, 0.05, 5 * std::sqrt(0.0475 / count));
}

TYPED_TEST(FillRandomTest, BitsAreThoseOfTheCpuInDoubleWhateverTheLeadingDimension) {
  using T = typename TypeParam::Scalar;
  Context cpu(Device::cpu());
  Matrix<double> reference(cpu, 37, 5);
  backend_of(cpu)->run(FillRandom<double>{.A = reference, .seed = 9, .sequence = 3, .scale = 0.01});
  const std::vector<double> expected = download(cpu, reference);
  EXPECT_TRUE(
      same_bits(this->draw(37, 5, 9, 3, 0.01), std::vector<T>(expected.begin(), expected.end())));
}

TYPED_TEST(FillRandomTest, SeedsAndSequencesDiffer) {
  const auto first = this->draw(8, 8, 1, 0);
  EXPECT_TRUE(same_bits(first, this->draw(8, 8, 1, 0)));
  EXPECT_FALSE(same_bits(first, this->draw(8, 8, 2, 0)));
  EXPECT_FALSE(same_bits(first, this->draw(8, 8, 1, 1)));
  this->draw(0, 3, 1);
}

}  // namespace
}  // namespace idl::test
