// SPDX-License-Identifier: MIT
#include "idl/custom_activation.hpp"
#include "kernels/math/activations.hpp"
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

/// Where some φ or φ' is not smooth.
constexpr long double k_kinks[] = {-3, -1, 0, 1, 3};

bool is_near_kink(double x) {
  for (const long double kink : k_kinks)
    if (std::abs(x - kink) < 1e-5) return true;
  return false;
}

/// φ in long double.
long double phi(const Activation& activation, long double x) {
  const auto alpha = static_cast<long double>(activation.alpha);
  switch (activation.kind) {
    case ActivationKind::relu:
      return x > 0 ? x : 0;
    case ActivationKind::leaky_relu:
      return x > 0 ? x : alpha * x;
    case ActivationKind::elu:
      return x > 0 ? x : alpha * std::expm1(x);
    case ActivationKind::tanh:
      return std::tanh(x);
    case ActivationKind::sigmoid:
      return 1 / (1 + std::exp(-x));
    case ActivationKind::softplus:
      return std::max(x, 0.0L) + std::log1p(std::exp(-std::abs(x)));
    case ActivationKind::silu:
      return x / (1 + std::exp(-x));
    case ActivationKind::gelu:
      return 0.5L * x * std::erfc(-x / std::sqrt(2.0L));
    case ActivationKind::identity:
      return x;
    case ActivationKind::mish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case ActivationKind::selu:
      return 1.0507009873554804934193349852946L *
             (x > 0 ? x : 1.6732632423543772848170429916717L * std::expm1(x));
    case ActivationKind::hardswish:
      return x * std::min(std::max(x + 3, 0.0L), 6.0L) / 6;
    case ActivationKind::abs:
      return std::abs(x);
    case ActivationKind::sat:
      return std::min(std::max(x, -1.0L), 1.0L);
    case ActivationKind::custom:
      break;
  }
  return 0;
}

template <class C>
class ActivationDerivativeTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;

  std::vector<double> derivative(const Activation& activation, index_t n, index_t m,
                                 const std::vector<double>& S, const std::vector<double>& Z) {
    const auto Psi = this->view(n, m, S);  // in place, as the adjoint solver does
    this->run(ActivationDerivative<Element>{
        .S = Psi, .Z = this->view(n, m, Z), .Psi = Psi, .activation = activation});
    EXPECT_TRUE(this->frames_untouched());
    return this->fetch_double(Psi);
  }
};
TYPED_TEST_SUITE(ActivationDerivativeTest, AllCases, CaseNames);

TYPED_TEST(ActivationDerivativeTest, EqualsCentralDifferencesOfTheFormula) {
  for (const ActivationKind kind : all_activations()) {
    const Activation activation = parse_activation(to_string(kind));
    for (const index_t n : {1, 33, 257}) {
      const index_t m = 3;
      const auto S = this->rounded(this->random_.uniforms(n * m, -6, 6));
      const std::vector<double> Z(S.size(), 0.0);
      const auto values = this->derivative(activation, n, m, S, Z);
      for (std::size_t e = 0; e < S.size(); ++e) {
        const long double h = 1e-6L;
        if (is_near_kink(S[e])) continue;
        const auto exact =
            static_cast<double>((phi(activation, S[e] + h) - phi(activation, S[e] - h)) / (2 * h));
        // The difference quotient is good to about 1e-11; φ' to a few ulps of 1.
        ASSERT_NEAR(values[e], exact, 16 * this->unit() + 1e-10) << to_string(kind) << S[e];
        ASSERT_LE(std::abs(values[e]), lipschitz_constant(activation) * (1 + 8 * this->unit()));
      }
    }
  }
}

TYPED_TEST(ActivationDerivativeTest, AtZeroFarOutAndForNan) {
  for (const ActivationKind kind : all_activations()) {
    const Activation activation = parse_activation(to_string(kind));
    const auto values = this->derivative(activation, 4, 1, {0, 1e4, -1e4, k_nan}, {0, 0, 0, 0});
    EXPECT_TRUE(std::isfinite(values[1]) && std::isfinite(values[2])) << to_string(kind);
    EXPECT_TRUE(kind == ActivationKind::identity || std::isnan(values[3])) << to_string(kind);
    if (kind == ActivationKind::relu) {
      EXPECT_EQ(values[0], 0.0) << "the convention at the kink";
    }
  }
}

/// @param steepness  bounds |φ'|
template <class Row>
void expect_row(std::size_t place, double steepness) {
  const Activation activation = parse_activation(Row::k_name);
  EXPECT_EQ(activation.kind, Row::k_kind);
  EXPECT_EQ(static_cast<std::size_t>(Row::k_kind), place) << "kinds are numbered by their rows";
  EXPECT_EQ(to_string(Row::k_kind), Row::k_name);
  const double alpha = activation.alpha;
  EXPECT_EQ(Row::k_at_zero, static_cast<double>(phi(activation, 0)));
  for (const double x : {-2.9, -0.5, 0.0, 0.75, 2.0}) {
    const double value = activate(Row::k_kind, x, alpha);
    EXPECT_NEAR(value, static_cast<double>(phi(activation, x)), 1e-15 * (1 + std::abs(x)));
    EXPECT_LE(std::abs(value - Row::k_at_zero), steepness * std::abs(x) * (1 + 1e-15));
    const double h = 1e-5;   // a difference quotient good to h² and to the rounding over h
    if (x == 0.0) continue;  // kinks
    EXPECT_NEAR(
        activation_derivative(Row::k_kind, x, alpha),
        (activate(Row::k_kind, x + h, alpha) - activate(Row::k_kind, x - h, alpha)) / (2 * h),
        1e-9);
  }
}

template <class... Rows>
void expect_rows(ActivationRows<Rows...>) {
  ASSERT_EQ(sizeof...(Rows), all_activations().size());
  std::size_t place = 0;
  (expect_row<Rows>(place++, Rows::lipschitz(parse_activation(Rows::k_name).alpha)), ...);
}

TEST(Activation, RowsAgreeWithTheFormulaItsSlopeAndItsValueAtZero) {
  expect_rows(Activations<double>{});
  EXPECT_EQ(parse_activation("elu"), Activation::elu());
  EXPECT_EQ(parse_activation("leaky_relu"), Activation::leaky_relu());
  EXPECT_EQ(parse_activation("tanh"), Activation{ActivationKind::tanh});
}

TEST(Activation, LipschitzConstantsAreTheLargestSlopesRoundedUp) {
  for (const ActivationKind kind : all_activations()) {
    const Activation activation = parse_activation(to_string(kind));
    long double steepest = 0;
    for (int k = -200000; k < 200000; ++k) {
      const long double x = k * 1e-4L + 0.5e-4L, h = 0.5e-4L;
      steepest =
          std::max(steepest, std::abs(phi(activation, x + h) - phi(activation, x - h)) / (2 * h));
    }
    constexpr long double h = 0x1p-20L;  // exact beside a kink
    for (const long double kink : k_kinks)
      for (const long double x : {kink - h, kink})
        steepest = std::max(steepest, std::abs(phi(activation, x + h) - phi(activation, x)) / h);
    const double L = lipschitz_constant(activation);
    EXPECT_GE(L, static_cast<double>(steepest) * (1 - 1e-12)) << to_string(kind);
    EXPECT_LE(L, static_cast<double>(steepest) * (1 + 1e-6)) << to_string(kind);
  }
  EXPECT_EQ(lipschitz_constant(Activation::leaky_relu(-3.0)), 3.0);
  EXPECT_EQ(lipschitz_constant(Activation::elu(2.0)), 2.0);
}

TEST(Activation, RowsHaveTheFormOfThoseOfUsers) {
  const std::vector<std::string> nothing;
  const ActivationReport mish = check_activation<Mish>();
  EXPECT_EQ(mish.faults, nothing);
  EXPECT_TRUE(mish.kinks.empty());
  EXPECT_NEAR(mish.at, 1.49057118, 1e-5);
  const ActivationReport selu = check_activation<Selu>();
  EXPECT_EQ(selu.faults, nothing);
  ASSERT_EQ(selu.kinks.size(), 1U);
  EXPECT_NEAR(selu.kinks[0], 0.0, 1e-12);
  const ActivationReport hardswish = check_activation<Hardswish>();
  EXPECT_EQ(hardswish.faults, nothing);
  ASSERT_EQ(hardswish.kinks.size(), 2U);
  EXPECT_NEAR(hardswish.kinks[0], -3.0, 1e-12);
  EXPECT_NEAR(hardswish.kinks[1], 3.0, 1e-12);
  EXPECT_EQ(check_activation<LeakyRelu>(-2.0).faults, nothing);
}

}  // namespace
}  // namespace idl::test
