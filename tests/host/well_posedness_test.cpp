// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

template <class C>
class WellPosednessTest : public DeviceTest<C> {
 protected:
  WellPosednessReport examine(index_t n, const std::vector<double>& A,
                              const Activation& activation = {}) {
    return examine_well_posedness<typename C::Scalar>(this->context(), this->matrix(n, n, A).view(),
                                                      activation);
  }
  /// λ_pf must be bounded from above, within 1e-6.
  static void expect_root(const WellPosednessReport& report, double lambda) {
    EXPECT_GE(report.perron_root, lambda * (1.0 - 1e-12));
    EXPECT_LE(report.perron_root, lambda * (1.0 + 1e-6));
  }
};
TYPED_TEST_SUITE(WellPosednessTest, AllCases, CaseNames);

TYPED_TEST(WellPosednessTest, OfANilpotentMatrixHasRootZero) {
  // Strictly upper triangular, by columns.
  const auto report = this->examine(3, {0, 0, 0, 5, 0, 0, -7, 9, 0});
  EXPECT_EQ(report.perron_root, 0.0);
  EXPECT_EQ(report.inf_norm, 12.0);
  EXPECT_EQ(report.proof, WellPosednessProof::triangular);
  EXPECT_DOUBLE_EQ(report.density, 3.0 / 9.0);
  // The same with its states renumbered: no triangle to be seen, but the root shows it.
  const auto renumbered = this->examine(3, {0, 5, 9, 0, 0, 0, 0, -7, 0});
  EXPECT_EQ(renumbered.perron_root, 0.0);
  EXPECT_EQ(renumbered.proof, WellPosednessProof::perron);
}

TYPED_TEST(WellPosednessTest, OfAPermutationHasItsScaleAsRoot) {
  constexpr index_t k_n = 17;
  std::vector<double> A(k_n * k_n, 0.0);
  for (std::size_t i = 0; i < k_n; ++i) A[i + ((i + 1) % k_n) * k_n] = i % 2 == 0 ? 0.75 : -0.75;
  const auto report = this->examine(k_n, A);
  this->expect_root(report, 0.75);
  EXPECT_EQ(report.proof, WellPosednessProof::norm);
  for (double& value : A) value *= 4.0 / 3.0;
  const auto unit = this->examine(k_n, A);
  this->expect_root(unit, 1.0);
  EXPECT_EQ(unit.proof, WellPosednessProof::none);
  EXPECT_FALSE(unit.well_posed());
}

TYPED_TEST(WellPosednessTest, OfAReducibleMatrixHasTheRootOfItsWorstBlock) {
  // Blocks [¼] and ½·[0 1; 1 0] on the diagonal, and a large coupling that does not matter.
  const auto report = this->examine(3, {0.25, 0, 0, 100, 0, 0.5, 100, 0.5, 0});
  this->expect_root(report, 0.5);
  EXPECT_EQ(report.proof, WellPosednessProof::perron);
  EXPECT_TRUE(report.well_posed());
  EXPECT_DOUBLE_EQ(report.inf_norm, 200.25);
}

TYPED_TEST(WellPosednessTest, OfASymmetricPairIsTheOneByHand) {
  // |A| = [0.1 4; 0.1 0.1]: λ = 0.1 + √0.4.
  const auto report = this->examine(2, {-0.1, 0.1, -4.0, 0.1});
  // The entries were rounded to T first.
  const double u = std::is_same_v<typename TypeParam::Scalar, float> ? 1e-6 : 1e-12;
  EXPECT_NEAR(report.perron_root, 0.1 + std::sqrt(0.4), 1e-6 + u);
  EXPECT_EQ(report.proof, WellPosednessProof::perron);
}

TYPED_TEST(WellPosednessTest, IsTightWhereRowsDifferInScale) {
  using T = typename TypeParam::Scalar;
  // [a b; c d], whose λ is known; the entries were rounded to T first.
  for (const auto& [a, b, c, d] : {std::array{0.5, 1e5, 1e-6, 0.5},
                                   {0.0, 1e5, 5e-6, 0.0},
                                   {0.3, 3e4, 1e-5, 0.2},
                                   {0.5, 1e4, 1e-5, 0.5}}) {
    const auto in_T = [](double value) { return static_cast<double>(static_cast<T>(value)); };
    const double half = (in_T(a) - in_T(d)) / 2.0;
    const double lambda = (in_T(a) + in_T(d)) / 2.0 + std::sqrt(half * half + in_T(b) * in_T(c));
    const auto report = this->examine(2, {a, c, b, d});
    this->expect_root(report, lambda);
    EXPECT_EQ(report.proof, WellPosednessProof::perron);
  }
}

TYPED_TEST(WellPosednessTest, OfNumbersThatCannotBeAddedUpNothingIsProved) {
  using T = typename TypeParam::Scalar;
  const double large = static_cast<double>(std::numeric_limits<T>::max()) / 2.0;
  const auto report = this->examine(2, {large, large, large, large});
  EXPECT_GE(report.perron_root, large * 2.0 * (1.0 - 1e-12));
  EXPECT_EQ(report.proof, WellPosednessProof::none);
  using Limits = std::numeric_limits<double>;
  for (const double wrong : {Limits::quiet_NaN(), Limits::infinity()})
    EXPECT_FALSE(this->examine(2, {0, 0, wrong, 0}).well_posed());
}

TYPED_TEST(WellPosednessTest, AgreesWithPowerIterationOnRandomMatrices) {
  using T = typename TypeParam::Scalar;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    RandomValues random(seed);
    const index_t n = random.integer(2, 40);
    const auto size = static_cast<std::size_t>(n);
    std::vector<double> A = random.matrix_of_norm(n, random.uniform(0.2, 3.0));
    for (double& value : A) value = static_cast<double>(static_cast<T>(value));
    const auto report = this->examine(n, A);
    // ‖|A|^k 1‖^(1/k) by repeated squaring of a scaled matrix: k = 2^40 leaves no error.
    std::vector<double> P(A.size());
    for (std::size_t k = 0; k < A.size(); ++k) P[k] = std::abs(A[k]);
    double logarithm = 0.0;  // of the scale taken out of |A|^(2^s), divided by 2^s
    for (int s = 0; s < 40; ++s) {
      double largest = 0.0;
      for (const double value : P) largest = std::max(largest, value);
      if (largest == 0.0) break;
      logarithm += std::log(largest) * std::ldexp(1.0, -s);
      std::vector<double> square(P.size(), 0.0);
      for (std::size_t j = 0; j < size; ++j)
        for (std::size_t l = 0; l < size; ++l)
          for (std::size_t i = 0; i < size; ++i)
            square[i + j * size] += P[i + l * size] / largest * (P[l + j * size] / largest);
      P = square;
    }
    const double lambda = std::exp(logarithm);
    EXPECT_GE(report.perron_root, lambda * (1.0 - 1e-9)) << "seed " << seed << ", n = " << n;
    EXPECT_LE(report.perron_root, lambda * (1.0 + 1e-6)) << "seed " << seed << ", n = " << n;
  }
}

TYPED_TEST(WellPosednessTest, TakesTheActivationIntoAccount) {
  const std::vector<double> A = {0.5, 0.0, 0.0, 0.93};
  EXPECT_EQ(this->examine(2, A).proof, WellPosednessProof::norm);
  // 1.0998·0.93 = 1.023.
  const auto silu = this->examine(2, A, {ActivationKind::silu});
  EXPECT_NEAR(silu.contraction, 1.0228, 1e-4);
  EXPECT_EQ(silu.proof, WellPosednessProof::none);
  // σ' <= ¼: even a norm of 3 contracts.
  const auto sigmoid = this->examine(1, {3.0}, {ActivationKind::sigmoid});
  EXPECT_DOUBLE_EQ(sigmoid.contraction, 0.75);
  EXPECT_EQ(sigmoid.proof, WellPosednessProof::norm);
}

TYPED_TEST(WellPosednessTest, IsNotClaimedOfMatricesWithoutNumbers) {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    for (std::size_t place = 0; place < 4; ++place) {
      std::vector<double> A = {0.1, 0.1, 0.1, 0.1};
      A[place] = bad;
      const auto report = this->examine(2, A);
      EXPECT_FALSE(report.well_posed()) << bad << " at " << place;
      EXPECT_FALSE(std::isfinite(report.inf_norm)) << bad << " at " << place;
    }
  }
}

TYPED_TEST(WellPosednessTest, NeedsASquareMatrix) {
  using T = typename TypeParam::Scalar;
  auto A = this->matrix(2, 3, std::vector<double>(6, 0.0));
  EXPECT_TRUE(holds(text_of<InvalidArgument>(
                        [&] { (void)examine_well_posedness<T>(this->context(), A.view(), {}); }),
                    {"2x3"}));
  EXPECT_TRUE(holds(
      text_of<InvalidArgument>([&] { project<T>(this->context(), WellPosedness{}, A.view()); }),
      {"2x3"}));
}

TYPED_TEST(WellPosednessTest, ProjectionKeepsFeasibleMatricesAndIsIdempotent) {
  using T = typename TypeParam::Scalar;
  RandomValues random(93);
  for (const WellPosedness& constraint :
       {WellPosedness::inf_norm_ball(0.95), WellPosedness::inf_norm_ball(0.1),
        WellPosedness::strictly_upper_triangular(), WellPosedness::none()}) {
    for (const double norm : {0.05, 0.5, 2.0, 1e3}) {
      auto A = this->matrix(23, 23, random.matrix_of_norm(23, norm));
      const std::vector<T> before = this->fetch(A.view());
      project<T>(this->context(), constraint, A.view());
      const std::vector<T> once = this->fetch(A.view());
      project<T>(this->context(), constraint, A.view());
      EXPECT_TRUE(same_bits(this->fetch(A.view()), once));
      const bool ball = constraint.kind == WellPosednessKind::inf_norm_ball;
      if (constraint.kind == WellPosednessKind::none || (ball && norm < constraint.kappa)) {
        EXPECT_TRUE(same_bits(once, before));
      }
      for (std::size_t i = 0; i < 23; ++i) {
        double sum = 0.0;
        for (std::size_t j = 0; j < 23; ++j) {
          sum += std::abs(static_cast<double>(once[i + 23 * j]));
          if (constraint.kind != WellPosednessKind::strictly_upper_triangular) continue;
          EXPECT_EQ(once[i + 23 * j], i < j ? before[i + 23 * j] : T(0));
        }
        EXPECT_LE(sum, ball ? constraint.kappa : std::numeric_limits<double>::max());
      }
    }
  }
}

template <class C>
class Initialisation : public DeviceTest<C> {};
TYPED_TEST_SUITE(Initialisation, AllCases, CaseNames);

TYPED_TEST(Initialisation, GivesTheSameBitsForTheSameSeed) {
  using T = typename TypeParam::Scalar;
  Context cpu(Device::cpu());
  const ImplicitModel<T> first(this->context(), {31, 20, 5}, {}, 42);
  const ImplicitModel<T> second(this->context(), {31, 20, 5}, {}, 42);
  const ImplicitModel<T> other(this->context(), {31, 20, 5}, {}, 43);
  const ImplicitModel<T> on_cpu(cpu, {31, 20, 5}, {}, 42);
  const std::vector<T> M = this->fetch(first.M());
  EXPECT_TRUE(same_bits(this->fetch(second.M()), M));
  EXPECT_TRUE(same_bits(download(cpu, on_cpu.M()), M));
  EXPECT_FALSE(same_bits(this->fetch(other.M()), M));
}

TYPED_TEST(Initialisation, DrawsStandardNormalNumbersOverTheNumberOfStates) {
  using T = typename TypeParam::Scalar;
  constexpr index_t k_n = 50;
  const ImplicitModel<T> model(this->context(), {k_n, 400, 10}, {}, 7);
  const std::vector<double> B = this->fetch_double(model.B());
  const double count = static_cast<double>(B.size());
  double mean = 0.0;
  double second = 0.0;
  double fourth = 0.0;
  for (const double value : B) {
    const double g = value * k_n;
    mean += g / count;
    second += g * g / count;
    fourth += g * g * g * g / count;
  }
  // Four standard deviations of the moments of 20,000 normal numbers: variances 1, 2 and 96.
  EXPECT_NEAR(mean, 0.0, 4.0 * std::sqrt(1.0 / count));
  EXPECT_NEAR(second, 1.0, 4.0 * std::sqrt(2.0 / count));
  EXPECT_NEAR(fourth, 3.0, 4.0 * std::sqrt(96.0 / count));
}

TYPED_TEST(Initialisation, IsFeasible) {
  using T = typename TypeParam::Scalar;
  for (const double kappa : {0.1, 0.5, 0.95}) {
    const ImplicitModel<T> model(this->context(), {60, 3, 2},
                                 {.well_posedness = WellPosedness::inf_norm_ball(kappa)}, 5);
    const std::vector<double> A = this->fetch_double(model.A());
    double worst = 0.0;
    for (std::size_t i = 0; i < 60; ++i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < 60; ++j) sum += std::abs(A[i + 60 * j]);
      worst = std::max(worst, sum);
    }
    EXPECT_LE(worst, kappa);
    EXPECT_GT(worst, 0.999 * kappa);  // some row of N(0,1)/60 exceeds 0.95
  }
  const ImplicitModel<T> triangular(this->context(), {9, 3, 2},
                                    {.well_posedness = WellPosedness::strictly_upper_triangular()});
  const std::vector<T> A = this->fetch(triangular.A());
  for (std::size_t j = 0; j < 9; ++j)
    for (std::size_t i = j; i < 9; ++i) EXPECT_EQ(A[i + 9 * j], T(0));
}

TYPED_TEST(Initialisation, WithoutDHasZerosThere) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(this->context(), {9, 3, 2}, {.bias = true, .no_D = true});
  EXPECT_EQ(model.D().cols, 4);
  EXPECT_EQ(this->fetch(model.D()), std::vector<T>(8, T(0)));
}

TYPED_TEST(Initialisation, OfAModelAndItsCloneAreApart) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model(this->context(), {9, 3, 2}, {.bias = true}, 4);
  const ImplicitModel<T> copy = model.clone(this->context());
  const std::vector<T> before = this->fetch(copy.M());
  EXPECT_TRUE(same_bits(this->fetch(model.M()), before));
  EXPECT_EQ(copy.shape(), model.shape());
  EXPECT_TRUE(copy.options().bias);
  this->put(model.B(), std::vector<double>(9 * 4, 1.0));
  EXPECT_TRUE(same_bits(this->fetch(copy.M()), before));
}

}  // namespace
}  // namespace idl::test
