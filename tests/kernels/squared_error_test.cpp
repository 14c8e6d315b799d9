// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class SquaredErrorTest : public KernelTest<C> {};
TYPED_TEST_SUITE(SquaredErrorTest, AllCases, CaseNames);

TYPED_TEST(SquaredErrorTest, ByHand) {
  using T = typename TypeParam::Scalar;
  const auto dY = this->view(2, 2);
  const auto losses = this->reals(2);
  this->run(SquaredError<T>{.Y = this->view(2, 2, {1, 2, 3, 4}),
                            .target = this->view(2, 2, {1, 4, 0, 4}),
                            .dY = dY,
                            .losses = losses,
                            .scale = T(0.5)});
  EXPECT_EQ(this->fetch_reals(losses), (std::vector<double>{2, 4.5}));
  EXPECT_EQ(this->fetch_double(dY), (std::vector<double>{0, -1, 1.5, 0}));
}

TYPED_TEST(SquaredErrorTest, EqualsTheNaiveFormulaAndKeepsNanInItsColumn) {
  using T = typename TypeParam::Scalar;
  const index_t q = 33, m = 31;
  auto Y = this->rounded(this->random_.uniforms(q * m, -2, 2));
  const auto target = this->rounded(this->random_.uniforms(q * m, -2, 2));
  Y[33 * 5 + 2] = k_nan;
  const auto dY = this->view(q, m);
  const auto losses = this->reals(m);
  this->run(SquaredError<T>{
      .Y = this->view(q, m, Y), .target = this->view(q, m, target), .dY = dY, .losses = losses});
  const auto loss = this->fetch_reals(losses);
  const auto gradient = this->fetch_double(dY);
  for (std::size_t j = 0; j < 31; ++j) {
    if (j == 5) {
      EXPECT_TRUE(std::isnan(loss[j]));
      continue;
    }
    double sum = 0.0;
    for (std::size_t e = j * 33; e < (j + 1) * 33; ++e) {
      sum += (Y[e] - target[e]) * (Y[e] - target[e]);
      ASSERT_NEAR(gradient[e], 2.0 / 33.0 * (Y[e] - target[e]), 4 * this->unit());
    }
    ASSERT_NEAR(loss[j], sum / 33.0, 36 * this->unit() * sum / 33.0);
  }
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(SquaredErrorTest, LossesAloneAndWrongShapes) {
  using T = typename TypeParam::Scalar;
  const auto losses = this->reals(1);
  this->run(SquaredError<T>{.Y = this->view(1, 1, {3}),
                            .target = this->view(1, 1, {1}),
                            .dY = this->view(1, 0),
                            .losses = losses});
  EXPECT_EQ(this->fetch_reals(losses)[0], 4.0);
  EXPECT_TRUE(holds(this->refusal_of(SquaredError<T>{.Y = this->view(2, 3),
                                                     .target = this->view(2, 4),
                                                     .dY = this->view(2, 3),
                                                     .losses = this->reals(3)}),
                    {"target", "2x4", "2x3"}));
}

}  // namespace
}  // namespace idl::test
