// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class SoftmaxCrossEntropyTest : public KernelTest<C> {};
TYPED_TEST_SUITE(SoftmaxCrossEntropyTest, AllCases, CaseNames);

TYPED_TEST(SoftmaxCrossEntropyTest, EqualsTheNaiveFormulaInEveryShape) {
  using T = typename TypeParam::Scalar;
  for (const index_t q : {1, 2, 10, 33, 1000})
    for (const index_t m : {1, 31, 257}) {
      const auto Y = this->rounded(this->random_.uniforms(q * m, -5, 5));
      std::vector<std::int32_t> labels;
      for (index_t j = 0; j < m; ++j)
        labels.push_back(static_cast<std::int32_t>(this->random_.integer(0, q - 1)));
      const auto dY = this->view(q, m, k_nan);
      const auto losses = this->reals(m);
      const auto correct = this->reals(m);
      this->run(SoftmaxCrossEntropy<T>{.Y = this->view(q, m, Y),
                                       .labels = this->vector(labels),
                                       .dY = dY,
                                       .losses = losses,
                                       .correct = correct,
                                       .scale = T(0.5)});
      const auto gradient = this->fetch_double(dY);
      const auto loss = this->fetch_reals(losses);
      const auto right = this->fetch_reals(correct);
      for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
        const auto size = static_cast<std::size_t>(q);
        double sum = 0.0;
        std::size_t best = 0;
        for (std::size_t i = 0; i < size; ++i) {
          sum += std::exp(Y[i + j * size]);
          if (Y[i + j * size] > Y[best + j * size]) best = i;
        }
        const auto label = static_cast<std::size_t>(labels[j]);
        // Sums of q exponentials of arguments up to 10, each with a few ulps.
        const double tolerance = (static_cast<double>(q) + 64) * this->unit();
        ASSERT_NEAR(loss[j], std::log(sum) - Y[label + j * size], tolerance * 10);
        ASSERT_EQ(right[j], best == label ? 1.0 : 0.0);
        for (std::size_t i = 0; i < size; ++i)
          ASSERT_NEAR(gradient[i + j * size],
                      0.5 * (std::exp(Y[i + j * size]) / sum - (i == label ? 1 : 0)), tolerance);
      }
    }
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(SoftmaxCrossEntropyTest, HugeOutputsStayFinite) {
  using T = typename TypeParam::Scalar;
  const auto dY = this->view(3, 1);
  const auto losses = this->reals(1);
  this->run(SoftmaxCrossEntropy<T>{.Y = this->view(3, 1, {1e4, -1e4, 0}),
                                   .labels = this->vector(std::vector<std::int32_t>{1}),
                                   .dY = dY,
                                   .losses = losses,
                                   .correct = {}});
  EXPECT_NEAR(this->fetch_reals(losses)[0], 2e4, 2e4 * this->unit());
  EXPECT_EQ(this->fetch_double(dY), (std::vector<double>{1, -1, 0}));
}

TYPED_TEST(SoftmaxCrossEntropyTest, FirstOfEqualsCountsAsLargest) {
  using T = typename TypeParam::Scalar;
  const auto losses = this->reals(2);
  const auto correct = this->reals(2);
  this->run(SoftmaxCrossEntropy<T>{.Y = this->view(3, 2, {1, 2, 2, 2, 2, 1}),
                                   .labels = this->vector(std::vector<std::int32_t>{2, 0}),
                                   .dY = this->view(3, 0),
                                   .losses = losses,
                                   .correct = correct});
  EXPECT_EQ(this->fetch_reals(correct), (std::vector<double>{0, 1}));
}

TYPED_TEST(SoftmaxCrossEntropyTest, ColumnsThatAreNotFiniteAreWrongWhateverTheirLabel) {
  using T = typename TypeParam::Scalar;
  constexpr double k_inf = std::numeric_limits<double>::infinity();
  const std::vector<double> bad = {k_nan, k_nan, 1, k_nan, k_inf, 1, -k_inf, -k_inf, 1, 2};
  for (const std::int32_t label : {0, 1}) {
    const auto losses = this->reals(5);
    const auto correct = this->reals(5);
    this->run(SoftmaxCrossEntropy<T>{.Y = this->view(2, 5, bad),
                                     .labels = this->vector(std::vector<std::int32_t>(5, label)),
                                     .dY = this->view(2, 0),
                                     .losses = losses,
                                     .correct = correct});
    EXPECT_EQ(this->fetch_reals(correct),
              (std::vector<double>{0, 0, 0, 0, label == 1 ? 1.0 : 0.0}));
    const auto loss = this->fetch_reals(losses);
    for (std::size_t j = 0; j < 5; ++j) EXPECT_EQ(std::isfinite(loss[j]), j == 4) << j;
  }
}

TYPED_TEST(SoftmaxCrossEntropyTest, LabelsOutsideMakeOnlyTheirColumnNan) {
  using T = typename TypeParam::Scalar;
  const auto dY = this->view(2, 3);
  const auto losses = this->reals(3);
  this->run(SoftmaxCrossEntropy<T>{.Y = this->view(2, 3, {1, 2, 1, 2, 1, 2}),
                                   .labels = this->vector(std::vector<std::int32_t>{0, 2, -1}),
                                   .dY = dY,
                                   .losses = losses,
                                   .correct = {}});
  const auto loss = this->fetch_reals(losses);
  EXPECT_NEAR(loss[0], std::log(1 + std::exp(1.0)), 8 * this->unit());
  EXPECT_TRUE(std::isnan(loss[1]));
  EXPECT_TRUE(std::isnan(loss[2]));
  const auto gradient = this->fetch_double(dY);
  EXPECT_TRUE(std::isfinite(gradient[0]) && std::isnan(gradient[2]) && std::isnan(gradient[5]));
}

TYPED_TEST(SoftmaxCrossEntropyTest, WrongShapesAreRefused) {
  using T = typename TypeParam::Scalar;
  EXPECT_TRUE(holds(this->refusal_of(SoftmaxCrossEntropy<T>{
                        .Y = this->view(3, 2),
                        .labels = this->vector(std::vector<std::int32_t>{0, 1, 2}),
                        .dY = this->view(3, 2),
                        .losses = this->reals(2),
                        .correct = {}}),
                    {"labels", "3", "2"}));
}

}  // namespace
}  // namespace idl::test
