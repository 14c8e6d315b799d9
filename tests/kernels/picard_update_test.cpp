// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class PicardUpdateTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;

  struct Result {
    std::vector<Element> X;
    std::vector<double> steps;
    std::vector<double> norms;
  };
  Result update(index_t n, index_t m, const std::vector<double>& S, const std::vector<double>& Z,
                const std::vector<double>& X, Activation activation,
                const std::vector<std::size_t>& stopped = {}) {
    const auto state = this->view(n, m, X);
    const auto steps = this->reals(m, -1.0);
    const auto norms = this->reals(m, -1.0);
    this->run(PicardUpdate<Element>{.S = this->view(n, m, S),
                                    .Z = this->view(n, m, Z),
                                    .X = state,
                                    .activation = activation,
                                    .step_norms = steps,
                                    .state_norms = norms,
                                    .status = this->statuses(m, stopped)});
    EXPECT_TRUE(this->frames_untouched());
    return {this->fetch(state), this->fetch_reals(steps), this->fetch_reals(norms)};
  }
};
TYPED_TEST_SUITE(PicardUpdateTest, AllCases, CaseNames);

TYPED_TEST(PicardUpdateTest, ReluByHand) {
  const auto result = this->update(3, 1, {1, -4, 2}, {1, 1, -5}, {5, 1, 0}, Activation{});
  EXPECT_EQ(result.X, (std::vector<typename TypeParam::Scalar>{2, 0, 0}));
  EXPECT_EQ(result.steps, std::vector<double>{3});
  EXPECT_EQ(result.norms, std::vector<double>{2});
}

TYPED_TEST(PicardUpdateTest, EveryActivationEqualsItsFormulaInEveryShape) {
  const auto formula = [](const Activation& activation, double x) {
    switch (activation.kind) {
      case ActivationKind::relu:
        return x > 0 ? x : 0.0;
      case ActivationKind::leaky_relu:
        return x > 0 ? x : activation.alpha * x;
      case ActivationKind::elu:
        return x > 0 ? x : activation.alpha * std::expm1(x);
      case ActivationKind::tanh:
        return std::tanh(x);
      case ActivationKind::sigmoid:
        return 1 / (1 + std::exp(-x));
      case ActivationKind::softplus:
        return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
      case ActivationKind::silu:
        return x / (1 + std::exp(-x));
      case ActivationKind::gelu:
        return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
      case ActivationKind::identity:
        return x;
      case ActivationKind::mish:
        return x * std::tanh(std::log1p(std::exp(x)));
      case ActivationKind::selu:
        return 1.0507009873554804934193349852946 *
               (x > 0 ? x : 1.6732632423543772848170429916717 * std::expm1(x));
      case ActivationKind::hardswish:
        return x * std::min(std::max(x + 3, 0.0), 6.0) / 6;
      case ActivationKind::abs:
        return std::abs(x);
      case ActivationKind::sat:
        return std::min(std::max(x, -1.0), 1.0);
      case ActivationKind::custom:
        break;
    }
    return 0.0;
  };
  for (const ActivationKind kind : all_activations()) {
    const Activation activation = parse_activation(to_string(kind));
    for (const index_t n : {1, 31, 100, 257})
      for (const index_t m : {1, 33}) {
        const auto S = this->rounded(this->random_.uniforms(n * m, -4, 4));
        const auto Z = this->rounded(this->random_.uniforms(n * m, -4, 4));
        const auto X = this->rounded(this->random_.uniforms(n * m, -4, 4));
        const auto result = this->update(n, m, S, Z, X, activation);
        for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
          double step = 0, norm = 0;
          for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
            const std::size_t e = i + j * static_cast<std::size_t>(n);
            const double exact = formula(activation, S[e] + Z[e]);
            const double value = static_cast<double>(result.X[e]);
            // The argument is at most 8 and rounded once; |φ'| <= 1.76; a few ulps for φ itself.
            ASSERT_NEAR(value, exact, 16 * this->unit() * (1 + std::abs(exact)))
                << to_string(kind) << " at " << S[e] + Z[e];
            step = std::max(step, std::abs(value - X[e]));
            norm = std::max(norm, std::abs(value));
          }
          ASSERT_NEAR(result.steps[j], step, this->unit() * step);
          ASSERT_EQ(result.norms[j], norm);
        }
      }
  }
}

TYPED_TEST(PicardUpdateTest, JoinsTheNormsOfOtherRows) {
  using T = typename TypeParam::Scalar;
  for (const index_t n : {2, 100, 1000})
    for (const bool spoiled : {false, true}) {
      const index_t m = 5;
      auto S = this->rounded(this->random_.uniforms(n * m, -1, 1));
      const auto Z = this->rounded(this->random_.uniforms(n * m, -1, 1));
      const auto X = this->rounded(this->random_.uniforms(n * m, -1, 1));
      if (spoiled) S[static_cast<std::size_t>(2 * n)] = std::numeric_limits<double>::quiet_NaN();
      const auto whole = this->update(n, m, S, Z, X, {ActivationKind::identity}, {3});
      const auto state = this->view(n, m, X);
      const auto steps = this->reals(m, -1.0);
      const auto norms = this->reals(m, -1.0);
      PicardUpdate<T> all{.S = this->view(n, m, S),
                          .Z = this->view(n, m, Z),
                          .X = state,
                          .activation = {ActivationKind::identity},
                          .step_norms = steps,
                          .state_norms = norms,
                          .status = this->statuses(m, {3})};
      for (const auto& [first, count] :
           {std::pair{index_t{0}, n / 2}, std::pair{n / 2, n - n / 2}}) {
        PicardUpdate<T> part = all;
        part.S = part.S.row_range(first, count);
        part.Z = part.Z.row_range(first, count);
        part.X = part.X.row_range(first, count);
        part.join = first > 0;
        this->run(part);
      }
      EXPECT_TRUE(same_bits(whole.X, this->fetch(state)));
      EXPECT_TRUE(same_bits(whole.steps, this->fetch_reals(steps)));
      EXPECT_TRUE(same_bits(whole.norms, this->fetch_reals(norms)));
      EXPECT_EQ(std::isnan(whole.steps[2]), spoiled);
    }
}

TYPED_TEST(PicardUpdateTest, StoppedColumnsAndTheirNormsStayUntouched) {
  const index_t n = 70, m = 5;
  const auto X = this->rounded(this->random_.uniforms(n * m, 1, 2));
  const auto result = this->update(n, m, this->random_.uniforms(n * m, -1, 1),
                                   this->random_.uniforms(n * m, -1, 1), X, Activation{}, {1, 4});
  for (const std::size_t j : {1U, 4U}) {
    for (std::size_t i = 0; i < 70; ++i)
      EXPECT_EQ(static_cast<double>(result.X[i + j * 70]), X[i + j * 70]);
    EXPECT_EQ(result.steps[j], -1.0);
    EXPECT_EQ(result.norms[j], -1.0);
  }
  EXPECT_NE(result.steps[0], -1.0);
}

TYPED_TEST(PicardUpdateTest, NanMakesItsColumnsStepNanAndHarmsNoOther) {
  for (const index_t n : {1, 40, 1000}) {
    const index_t m = 6;
    auto S = this->random_.uniforms(n * m, -1, 1);
    const auto Z = this->random_.uniforms(n * m, -1, 1);
    const auto X = this->random_.uniforms(n * m, 0, 1);
    const auto clean = this->update(n, m, S, Z, X, Activation{});
    S[static_cast<std::size_t>(n * 2 + n / 2)] = k_nan;
    const auto spoiled = this->update(n, m, S, Z, X, Activation{});
    for (std::size_t j = 0; j < 6; ++j) {
      if (j == 2) {
        EXPECT_TRUE(std::isnan(spoiled.steps[j])) << n;
        continue;
      }
      EXPECT_EQ(clean.steps[j], spoiled.steps[j]);
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
        ASSERT_EQ(clean.X[i + j * static_cast<std::size_t>(n)],
                  spoiled.X[i + j * static_cast<std::size_t>(n)]);
    }
  }
}

TYPED_TEST(PicardUpdateTest, KeepsNanForEveryActivationAndStaysFiniteFarOut) {
  for (const ActivationKind kind : all_activations()) {
    const Activation activation = parse_activation(to_string(kind));
    const auto result = this->update(3, 1, {k_nan, 1e4, -1e4}, {0, 0, 0}, {0, 0, 0}, activation);
    EXPECT_TRUE(std::isnan(result.X[0])) << to_string(kind);
    EXPECT_TRUE(std::isfinite(result.X[1])) << to_string(kind);
    EXPECT_TRUE(std::isfinite(result.X[2])) << to_string(kind);
  }
}

TYPED_TEST(PicardUpdateTest, EmptyBatchesAndWrongShapes) {
  using T = typename TypeParam::Scalar;
  this->update(5, 0, {}, {}, {}, Activation{});
  EXPECT_TRUE(holds(this->refusal_of(PicardUpdate<T>{.S = this->view(4, 3),
                                                     .Z = this->view(4, 3),
                                                     .X = this->view(5, 3),
                                                     .activation = {},
                                                     .step_norms = this->reals(3),
                                                     .state_norms = this->reals(3),
                                                     .status = this->statuses(3)}),
                    {"PicardUpdate", "4x3", "5x3"}));
  EXPECT_TRUE(holds(this->refusal_of(PicardUpdate<T>{.S = this->view(4, 3),
                                                     .Z = this->view(4, 3),
                                                     .X = this->view(4, 3),
                                                     .activation = {},
                                                     .step_norms = this->reals(2),
                                                     .state_norms = this->reals(3),
                                                     .status = this->statuses(3)}),
                    {"step_norms", "2", "3"}));
}

}  // namespace
}  // namespace idl::test
