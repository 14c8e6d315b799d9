// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class AdjointUpdateTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;

  struct Result {
    std::vector<Element> V;
    std::vector<double> steps;
    std::vector<double> norms;
  };
  Result update(index_t n, index_t m, const std::vector<double>& W, const std::vector<double>& G,
                const std::vector<double>& Psi, const std::vector<double>& V,
                const std::vector<std::size_t>& stopped = {}) {
    const auto state = this->view(n, m, V);
    const auto steps = this->reals(m, -1.0);
    const auto norms = this->reals(m, -1.0);
    this->run(AdjointUpdate<Element>{.W = this->view(n, m, W),
                                     .G = this->view(n, m, G),
                                     .Psi = this->view(n, m, Psi),
                                     .V = state,
                                     .step_norms = steps,
                                     .state_norms = norms,
                                     .status = this->statuses(m, stopped)});
    EXPECT_TRUE(this->frames_untouched());
    return {this->fetch(state), this->fetch_reals(steps), this->fetch_reals(norms)};
  }
};
TYPED_TEST_SUITE(AdjointUpdateTest, AllCases, CaseNames);

TYPED_TEST(AdjointUpdateTest, ByHandWithNormsInL1) {
  const auto result = this->update(3, 1, {1, 2, 3}, {1, -3, 1}, {1, 1, 0}, {0, 0, 5});
  EXPECT_EQ(result.V, (std::vector<typename TypeParam::Scalar>{2, -1, 0}));
  EXPECT_EQ(result.steps, std::vector<double>{2 + 1 + 5});
  EXPECT_EQ(result.norms, std::vector<double>{3});
}

TYPED_TEST(AdjointUpdateTest, EqualsTheFormulaInEveryShape) {
  for (const index_t n : {1, 31, 100, 1000})
    for (const index_t m : {1, 33}) {
      const auto W = this->rounded(this->random_.uniforms(n * m, -1, 1));
      const auto G = this->rounded(this->random_.uniforms(n * m, -1, 1));
      const auto Psi = this->rounded(this->random_.uniforms(n * m, 0, 1));
      const auto V = this->rounded(this->random_.uniforms(n * m, -1, 1));
      const auto result = this->update(n, m, W, G, Psi, V);
      const auto size = static_cast<std::size_t>(n);
      for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
        double step = 0, norm = 0;
        for (std::size_t e = j * size; e < (j + 1) * size; ++e) {
          const double value = static_cast<double>(result.V[e]);
          // One sum and one product, each rounded once, of numbers below 2.
          ASSERT_NEAR(value, Psi[e] * (W[e] + G[e]), 2 * this->unit());
          step += std::abs(value - V[e]);
          norm += std::abs(value);
        }
        const double bound = (static_cast<double>(n) + 2) * this->unit();
        ASSERT_NEAR(result.steps[j], step, bound * step);
        ASSERT_NEAR(result.norms[j], norm, bound * norm);
      }
    }
}

TYPED_TEST(AdjointUpdateTest, JoinsTheNormsOfOtherRows) {
  using T = typename TypeParam::Scalar;
  const index_t m = 5;
  for (const index_t n : {2, 100, 1000}) {
    const auto W = this->rounded(this->random_.uniforms(n * m, -1, 1));
    const auto G = this->rounded(this->random_.uniforms(n * m, -1, 1));
    const auto Psi = this->rounded(this->random_.uniforms(n * m, 0, 1));
    const auto V = this->rounded(this->random_.uniforms(n * m, -1, 1));
    const auto whole = this->update(n, m, W, G, Psi, V, {3});
    const auto state = this->view(n, m, V);
    const auto steps = this->reals(m, -1.0);
    const auto norms = this->reals(m, -1.0);
    const AdjointUpdate<T> all{.W = this->view(n, m, W),
                               .G = this->view(n, m, G),
                               .Psi = this->view(n, m, Psi),
                               .V = state,
                               .step_norms = steps,
                               .state_norms = norms,
                               .status = this->statuses(m, {3})};
    for (const auto& [first, count] : {std::pair{index_t{0}, n / 2}, std::pair{n / 2, n - n / 2}}) {
      AdjointUpdate<T> part = all;
      part.W = part.W.row_range(first, count);
      part.G = part.G.row_range(first, count);
      part.Psi = part.Psi.row_range(first, count);
      part.V = part.V.row_range(first, count);
      part.join = first > 0;
      this->run(part);
    }
    EXPECT_TRUE(same_bits(whole.V, this->fetch(state)));
    const auto joined_steps = this->fetch_reals(steps);
    const auto joined_norms = this->fetch_reals(norms);
    for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
      const double bound = (2 * static_cast<double>(n) + 2) * this->unit();
      EXPECT_NEAR(joined_steps[j], whole.steps[j], bound * std::abs(whole.steps[j]));
      EXPECT_NEAR(joined_norms[j], whole.norms[j], bound * std::abs(whole.norms[j]));
    }
    EXPECT_EQ(joined_steps[3], -1.0);
    EXPECT_EQ(joined_norms[3], -1.0);
  }
}

TYPED_TEST(AdjointUpdateTest, StoppedColumnsStayAndNanHarmsNoOtherColumn) {
  const index_t n = 50, m = 4;
  auto W = this->random_.uniforms(n * m, -1, 1);
  const auto G = this->random_.uniforms(n * m, -1, 1);
  const auto Psi = this->random_.uniforms(n * m, 0, 1);
  const auto V = this->rounded(this->random_.uniforms(n * m, -1, 1));
  const auto clean = this->update(n, m, W, G, Psi, V, {3});
  W[60] = k_nan;
  const auto spoiled = this->update(n, m, W, G, Psi, V, {3});
  for (std::size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(static_cast<double>(clean.V[150 + i]), V[150 + i]);
    EXPECT_EQ(clean.V[i], spoiled.V[i]);
    EXPECT_EQ(clean.V[100 + i], spoiled.V[100 + i]);
  }
  EXPECT_EQ(clean.steps[3], -1.0);
  EXPECT_TRUE(std::isnan(spoiled.steps[1]));
  EXPECT_EQ(clean.steps[0], spoiled.steps[0]);
}

TYPED_TEST(AdjointUpdateTest, WrongShapesAreRefusedWithBothShapes) {
  using T = typename TypeParam::Scalar;
  EXPECT_TRUE(holds(this->refusal_of(AdjointUpdate<T>{.W = this->view(4, 3),
                                                      .G = this->view(4, 2),
                                                      .Psi = this->view(4, 3),
                                                      .V = this->view(4, 3),
                                                      .step_norms = this->reals(3),
                                                      .state_norms = this->reals(3),
                                                      .status = this->statuses(3)}),
                    {"AdjointUpdate", "4x2", "4x3"}));
}

}  // namespace
}  // namespace idl::test
