// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class SgdUpdateTest : public KernelTest<C> {};
TYPED_TEST_SUITE(SgdUpdateTest, AllCases, CaseNames);

TYPED_TEST(SgdUpdateTest, PlainStepByHand) {
  using T = typename TypeParam::Scalar;
  const auto M = this->view(1, 2, {1, 2});
  this->run(SgdUpdate<T>{.M = M,
                         .dM = this->view(1, 2, {2, -4}),
                         .velocity = this->view(1, 2),
                         .learning_rate = 0.25});
  EXPECT_EQ(this->fetch_double(M), (std::vector<double>{0.5, 3}));
}

TYPED_TEST(SgdUpdateTest, MomentumNesterovAndDecayEqualPyTorchsDefinition) {
  using T = typename TypeParam::Scalar;
  for (const bool nesterov : {false, true}) {
    const index_t rows = 31, cols = 5;
    auto expected = this->rounded(this->random_.uniforms(rows * cols, -1, 1));
    std::vector<double> velocity(expected.size(), 0.0);
    const auto M = this->view(rows, cols, expected);
    const auto buffer = this->view(rows, cols);
    for (int t = 0; t < 10; ++t) {
      const auto gradient = this->rounded(this->random_.uniforms(rows * cols, -1, 1));
      this->run(SgdUpdate<T>{.M = M,
                             .dM = this->view(rows, cols, gradient),
                             .velocity = buffer,
                             .learning_rate = 0.1,
                             .momentum = 0.9,
                             .weight_decay = 0.01,
                             .nesterov = nesterov});
      for (std::size_t e = 0; e < expected.size(); ++e) {
        const double g = gradient[e] + 0.01 * expected[e];
        velocity[e] = 0.9 * velocity[e] + g;
        expected[e] -= 0.1 * (nesterov ? g + 0.9 * velocity[e] : velocity[e]);
      }
    }
    const auto values = this->fetch_double(M);
    for (std::size_t e = 0; e < expected.size(); ++e)
      // Ten steps; |velocity| < 10, each term with a few roundings.
      ASSERT_NEAR(values[e], expected[e], 200 * this->unit());
    EXPECT_TRUE(this->frames_untouched());
  }
}

TYPED_TEST(SgdUpdateTest, GradientsThatAreNotFiniteLeaveTheirEntriesAloneAndAreTold) {
  using T = typename TypeParam::Scalar;
  constexpr double k_inf = std::numeric_limits<double>::infinity();
  for (const bool nesterov : {false, true}) {
    const auto M = this->view(2, 3, 1.0);
    const auto velocity = this->view(2, 3, 2.0);
    const auto left_out = this->vector(std::vector<std::int32_t>{0});
    const auto step = [&](const std::vector<double>& gradient) {
      this->run(SgdUpdate<T>{.M = M,
                             .dM = this->view(2, 3, gradient),
                             .velocity = velocity,
                             .learning_rate = 0.5,
                             .momentum = 0.5,
                             .nesterov = nesterov,
                             .left_out = left_out});
    };
    step({k_nan, 1, k_inf, 1, -k_inf, 1});
    // v = 0.5·2 + 1 = 2; M = 1 − 0.5·v, or with Nesterov 1 − 0.5·(1 + 0.5·v).
    EXPECT_EQ(this->fetch_double(velocity), std::vector<double>(6, 2.0));
    EXPECT_EQ(this->fetch_double(M), (std::vector<double>{1, 0, 1, 0, 1, 0}));
    EXPECT_EQ(this->fetch_vector(left_out), std::vector<std::int32_t>{1});
    step({0, 0, 0, 0, 0, 0});
    EXPECT_EQ(this->fetch_vector(left_out), std::vector<std::int32_t>{1}) << "stays told";
  }
}

TYPED_TEST(SgdUpdateTest, WrongShapesAreRefused) {
  using T = typename TypeParam::Scalar;
  EXPECT_TRUE(holds(
      this->refusal_of(SgdUpdate<T>{.M = this->view(2, 3),
                                    .dM = this->view(2, 3),
                                    .velocity = this->view(2, 3),
                                    .left_out = this->vector(std::vector<std::int32_t>{0, 0})}),
      {"left_out has 2 elements, expected 1"}));
  EXPECT_TRUE(
      holds(this->refusal_of(SgdUpdate<T>{
                .M = this->view(2, 3), .dM = this->view(2, 3), .velocity = this->view(2, 4)}),
            {"velocity", "2x4", "2x3"}));
}

}  // namespace
}  // namespace idl::test
