// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>
#include <limits>

#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class AdamUpdateTest : public KernelTest<C> {};
TYPED_TEST_SUITE(AdamUpdateTest, AllCases, CaseNames);

/// torch.optim.Adam and AdamW, written out for one number.
struct NaiveAdam {
  double m1 = 0, m2 = 0;
  double step(double p, double g, double lr, double decay, bool decoupled, int t) {
    const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    if (decoupled)
      p -= lr * decay * p;
    else
      g += decay * p;
    m1 = beta1 * m1 + (1 - beta1) * g;
    m2 = beta2 * m2 + (1 - beta2) * g * g;
    const double denominator = std::sqrt(m2) / std::sqrt(1 - std::pow(beta2, t)) + epsilon;
    return p - lr / (1 - std::pow(beta1, t)) * m1 / denominator;
  }
};

TYPED_TEST(AdamUpdateTest, TwentyStepsEqualPyTorchsDefinition) {
  using T = typename TypeParam::Scalar;
  for (const bool decoupled : {false, true})
    for (const double decay : {0.0, 0.1}) {
      // Less than a vector, vectors, and vectors with a rest.
      for (const index_t rows : {5, 16, 33, 47}) {
        const index_t cols = 7;
        auto expected = this->rounded(this->random_.uniforms(rows * cols, -1, 1));
        const auto M = this->view(rows, cols, expected);
        const auto m1 = this->view(rows, cols);
        const auto m2 = this->view(rows, cols);
        std::vector<NaiveAdam> naive(expected.size());
        for (int t = 1; t <= 20; ++t) {
          const auto gradient = this->rounded(this->random_.uniforms(rows * cols, -1, 1));
          this->run(AdamUpdate<T>{.M = M,
                                  .dM = this->view(rows, cols, gradient),
                                  .m1 = m1,
                                  .m2 = m2,
                                  .learning_rate = 0.01,
                                  .weight_decay = decay,
                                  .decoupled = decoupled,
                                  .step = t});
          for (std::size_t e = 0; e < expected.size(); ++e)
            expected[e] = naive[e].step(expected[e], gradient[e], 0.01, decay, decoupled, t);
        }
        const auto values = this->fetch_double(M);
        for (std::size_t e = 0; e < expected.size(); ++e)
          // Twenty steps of at most 0.02, each with a relative error of some ulps; where m1 cancels
          // its error is relative to the gradients, so the steps' errors are some ulps of 0.02·20.
          ASSERT_NEAR(values[e], expected[e], 100 * this->unit());
        EXPECT_TRUE(this->frames_untouched());
      }
    }
}

TYPED_TEST(AdamUpdateTest, FirstStepMovesByTheLearningRateAgainstTheGradient) {
  using T = typename TypeParam::Scalar;
  const auto M = this->view(1, 3, {1, 1, 1});
  this->run(AdamUpdate<T>{.M = M,
                          .dM = this->view(1, 3, {5, -0.25, 0}),
                          .m1 = this->view(1, 3),
                          .m2 = this->view(1, 3),
                          .learning_rate = 0.5});
  const auto values = this->fetch_double(M);
  EXPECT_NEAR(values[0], 0.5, 8 * this->unit() + 1e-7);
  EXPECT_NEAR(values[1], 1.5, 8 * this->unit() + 1e-7);
  EXPECT_EQ(values[2], 1.0);
}

TYPED_TEST(AdamUpdateTest, GradientsThatAreNotFiniteLeaveTheirEntriesAloneAndAreTold) {
  using T = typename TypeParam::Scalar;
  constexpr double k_inf = std::numeric_limits<double>::infinity();
  // Finite, but not its square.
  constexpr auto k_huge = static_cast<double>(std::numeric_limits<T>::max() / 2);
  for (const index_t rows : {5, 16, 47}) {
    const auto size = static_cast<std::size_t>(rows * 3);
    const auto start = this->rounded(this->random_.uniforms(rows * 3, -1, 1));
    const auto clean = this->rounded(this->random_.uniforms(rows * 3, -1, 1));
    // Nothing, one entry in a full vector or in the rest of a column, all of a column.
    for (const index_t bad : {index_t(-1), index_t(0), 2 * rows - 1, 3 * rows}) {
      auto gradient = clean;
      for (std::size_t e = 0; e < size; ++e) {
        const auto entry = static_cast<index_t>(e);
        if (entry == bad || (bad == 3 * rows && entry < rows))
          gradient[e] = std::array{k_nan, k_inf, -k_inf, k_huge}[e % 4];
      }
      const auto run = [&](const std::vector<double>& dM, VectorView<std::int32_t> left_out) {
        const auto M = this->view(rows, 3, start);
        const auto m1 = this->view(rows, 3, 0.25);
        const auto m2 = this->view(rows, 3, 0.5);
        this->run(AdamUpdate<T>{.M = M,
                                .dM = this->view(rows, 3, dM),
                                .m1 = m1,
                                .m2 = m2,
                                .learning_rate = 0.1,
                                .weight_decay = 0.1,
                                .left_out = left_out});
        return std::vector{this->fetch_double(M), this->fetch_double(m1), this->fetch_double(m2)};
      };
      const auto left_out = this->vector(std::vector<std::int32_t>{0});
      const auto found = run(gradient, left_out);
      const auto usual = run(clean, {});
      EXPECT_EQ(this->fetch_vector(left_out), std::vector<std::int32_t>{bad < 0 ? 0 : 1});
      const std::vector<std::vector<double>> before = {start, std::vector<double>(size, 0.25),
                                                       std::vector<double>(size, 0.5)};
      for (std::size_t k = 0; k < 3; ++k)
        for (std::size_t e = 0; e < size; ++e)
          ASSERT_EQ(found[k][e], std::abs(gradient[e]) <= 1 ? usual[k][e] : before[k][e])
              << k << " " << e;
      EXPECT_TRUE(this->frames_untouched());
    }
  }
}

TYPED_TEST(AdamUpdateTest, WrongShapesAndStepsAreRefused) {
  using T = typename TypeParam::Scalar;
  EXPECT_TRUE(holds(this->refusal_of(AdamUpdate<T>{.M = this->view(2, 3),
                                                   .dM = this->view(3, 2),
                                                   .m1 = this->view(2, 3),
                                                   .m2 = this->view(2, 3)}),
                    {"dM", "3x2", "2x3"}));
  EXPECT_TRUE(holds(this->refusal_of(AdamUpdate<T>{.M = this->view(2, 3),
                                                   .dM = this->view(2, 3),
                                                   .m1 = this->view(2, 3),
                                                   .m2 = this->view(2, 3),
                                                   .step = 0}),
                    {"step", "0"}));
  EXPECT_TRUE(holds(
      this->refusal_of(AdamUpdate<T>{.M = this->view(2, 3),
                                     .dM = this->view(2, 3),
                                     .m1 = this->view(2, 3),
                                     .m2 = this->view(2, 3),
                                     .left_out = this->vector(std::vector<std::int32_t>{0, 0})}),
      {"left_out has 2 elements, expected 1"}));
}

}  // namespace
}  // namespace idl::test
