// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

template <class C>
class Loss : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;
  static constexpr index_t k_q = 7;
  static constexpr index_t k_m = 13;

  struct CrossEntropy {
    std::vector<double> losses, dY, correct;
  };
  CrossEntropy cross_entropy(const std::vector<double>& Y, index_t rows,
                             const std::vector<std::int32_t>& labels) {
    Context& context = this->context();
    const auto m = static_cast<index_t>(labels.size());
    const auto device_Y = this->matrix(rows, m, Y);
    const auto device_labels = Vector<std::int32_t>::from_host(context, labels);
    Matrix<Scalar> dY(context, rows, m);
    Vector<Scalar> losses(context, m);
    Vector<Scalar> correct(context, m);
    softmax_cross_entropy<Scalar>(context, device_Y.view(), device_labels.view(), dY, losses,
                                  correct);
    const std::vector<Scalar> l = download(context, losses);
    const std::vector<Scalar> c = download(context, correct);
    return {{l.begin(), l.end()}, this->fetch_double(dY.view()), {c.begin(), c.end()}};
  }

  static double u() { return static_cast<double>(std::numeric_limits<Scalar>::epsilon()); }
};
TYPED_TEST_SUITE(Loss, AllCases, CaseNames);

TYPED_TEST(Loss, SoftmaxCrossEntropyIsTheMeanOfLogarithms) {
  constexpr std::size_t q = TestFixture::k_q;
  constexpr std::size_t m = TestFixture::k_m;
  RandomValues random(111);
  std::vector<double> Y = random.uniforms(q * m, -4.0, 4.0);
  for (double& value : Y)
    value = static_cast<double>(static_cast<typename TypeParam::Scalar>(value));
  std::vector<std::int32_t> labels;
  for (std::size_t j = 0; j < m; ++j)
    labels.push_back(static_cast<std::int32_t>(random.integer(0, q - 1)));
  const auto given = this->cross_entropy(Y, q, labels);
  for (std::size_t j = 0; j < m; ++j) {
    double sum = 0.0;
    std::size_t largest = 0;
    for (std::size_t i = 0; i < q; ++i) {
      sum += std::exp(Y[i + q * j]);
      if (Y[i + q * j] > Y[largest + q * j]) largest = i;
    }
    const auto label = static_cast<std::size_t>(labels[j]);
    // A few roundings of numbers up to 8, then of numbers up to 1/m.
    EXPECT_NEAR(given.losses[j], std::log(sum) - Y[label + q * j], 32.0 * this->u());
    EXPECT_EQ(given.correct[j], largest == label ? 1.0 : 0.0);
    for (std::size_t i = 0; i < q; ++i) {
      const double softmax = std::exp(Y[i + q * j]) / sum;
      EXPECT_NEAR(given.dY[i + q * j], (softmax - (i == label ? 1.0 : 0.0)) / m,
                  16.0 * this->u() / m);
    }
  }
}

TYPED_TEST(Loss, SoftmaxCrossEntropyIsStableForHugeOutputs) {
  const auto given = this->cross_entropy({1e4, 0.0, -1e4, 1e4, 1e4, 1e4}, 3, {1, 2});
  EXPECT_NEAR(given.losses[0], 1e4, 1e4 * this->u());
  EXPECT_NEAR(given.losses[1], std::log(3.0), 16.0 * this->u() * 1e4);
  EXPECT_EQ(given.dY[0], 0.5);
  EXPECT_EQ(given.dY[1], -0.5);
  EXPECT_EQ(given.dY[2], 0.0);
  // Of three equals the first counts as the largest.
  EXPECT_EQ(given.correct, (std::vector<double>{0.0, 0.0}));
}

TYPED_TEST(Loss, ALabelThatDoesNotExistMakesItsSampleNaN) {
  for (const std::int32_t label : {-1, 3, 1 << 30}) {
    const auto given = this->cross_entropy({1.0, 2.0, 3.0, 1.0, 2.0, 3.0}, 3, {label, 2});
    EXPECT_TRUE(std::isnan(given.losses[0]));
    EXPECT_TRUE(std::isnan(given.dY[0]) && std::isnan(given.dY[1]) && std::isnan(given.dY[2]));
    EXPECT_FALSE(std::isnan(given.losses[1]));
    EXPECT_EQ(given.correct[0], 0.0);
    EXPECT_EQ(given.correct[1], 1.0);
  }
}

TYPED_TEST(Loss, SquaredErrorIsTheMeanOverAllEntries) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  const auto Y = this->matrix(2, 2, {1.0, 2.0, 3.0, 4.0});
  const auto target = this->matrix(2, 2, {0.0, 4.0, 3.0, 1.0});
  Matrix<T> dY(context, 2, 2);
  Vector<T> losses(context, 2);
  squared_error<T>(context, Y.view(), target.view(), dY, losses);
  // ½(1 + 4) and ½(0 + 9); 2(Y − target)/4.
  EXPECT_EQ(download(context, losses), (std::vector<T>{2.5, 4.5}));
  EXPECT_EQ(this->fetch(dY.view()), (std::vector<T>{0.5, -1.0, 0.0, 1.5}));
}

}  // namespace
}  // namespace idl::test
