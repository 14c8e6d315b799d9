// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class ReduceTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;
  double reduce(const std::vector<double>& x, ReduceKind kind, double scale = 1.0) {
    const auto result = this->reals(1, -7);
    this->run(Reduce<Element>{
        .x = this->reals(x), .result = result, .kind = kind, .scale = static_cast<Element>(scale)});
    return this->fetch_reals(result)[0];
  }
};
TYPED_TEST_SUITE(ReduceTest, AllCases, CaseNames);

TYPED_TEST(ReduceTest, SumsAndMaximaInEverySize) {
  for (const index_t size : {1, 31, 33, 257, 1000, 100003}) {
    const auto x = this->rounded(this->random_.uniforms(size, -1, 1));
    double sum = 0.0, magnitude = 0.0, largest = x[0];
    for (const double value : x) {
      sum += value;
      magnitude += std::abs(value);
      largest = std::max(largest, value);
    }
    // Summed in double and rounded once to the element type.
    EXPECT_NEAR(this->reduce(x, ReduceKind::sum), sum,
                this->unit() * std::abs(sum) + 1e-16 * static_cast<double>(size) * magnitude);
    EXPECT_EQ(this->reduce(x, ReduceKind::max), largest);
    EXPECT_EQ(this->reduce(x, ReduceKind::max, 2.0), 2.0 * largest);
    EXPECT_EQ(this->reduce(x, ReduceKind::sum), this->reduce(x, ReduceKind::sum));
  }
}

TYPED_TEST(ReduceTest, NoElementsGiveZeroAndNanGivesNan) {
  EXPECT_EQ(this->reduce({}, ReduceKind::sum), 0.0);
  EXPECT_EQ(this->reduce({}, ReduceKind::max), 0.0);
  std::vector<double> x(500, 1.0);
  x[321] = k_nan;
  EXPECT_TRUE(std::isnan(this->reduce(x, ReduceKind::sum)));
  EXPECT_TRUE(std::isnan(this->reduce(x, ReduceKind::max)));
}

TYPED_TEST(ReduceTest, ResultsOfMoreThanOneElementAreRefused) {
  using T = typename TypeParam::Scalar;
  EXPECT_TRUE(holds(this->refusal_of(Reduce<T>{.x = this->reals(3), .result = this->reals(2)}),
                    {"Reduce", "result has 2 elements, expected 1"}));
}

}  // namespace
}  // namespace idl::test
