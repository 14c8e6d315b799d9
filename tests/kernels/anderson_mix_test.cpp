// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>

#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class AndersonMixTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;

  /// One call's operands on the device.
  struct History {
    MatrixView<Element> X, Y, F_even, G_even, F_odd, G_odd;
    VectorView<Element> accepted, steps;
    VectorView<std::int32_t> points, fallbacks, iterations;
    VectorView<std::uint8_t> status;
  };
  History history(index_t n, index_t m, const std::vector<double>& X,
                  const std::vector<std::size_t>& stopped = {}) {
    // What was never written must never be read.
    return {.X = this->view(n, m, X),
            .Y = this->view(n, m, 0.0),
            .F_even = this->view(n, m, k_nan),
            .G_even = this->view(n, m, k_nan),
            .F_odd = this->view(n, m, k_nan),
            .G_odd = this->view(n, m, k_nan),
            .accepted = this->reals(m, k_nan),
            .steps = this->reals(m, 1.0),
            .points = this->vector(std::vector<std::int32_t>(static_cast<std::size_t>(m), 77)),
            .fallbacks = this->vector(std::vector<std::int32_t>(static_cast<std::size_t>(m), 0)),
            .iterations = this->vector(std::vector<std::int32_t>(static_cast<std::size_t>(m), 1)),
            .status = this->statuses(m, stopped)};
  }
  AndersonMix<Element> mix(const History& h) {
    return {.X = h.X,
            .Y = h.Y,
            .F_even = h.F_even,
            .G_even = h.G_even,
            .F_odd = h.F_odd,
            .G_odd = h.G_odd,
            .accepted = h.accepted,
            .points = h.points,
            .fallbacks = h.fallbacks,
            .step_norms = h.steps,
            .status = h.status,
            .iterations = h.iterations};
  }
  /// What an iteration does before: X <- F, iterations += 1, step_norms given.
  void evaluate(const History& h, const std::vector<double>& F, double step, std::int32_t k) {
    this->put(h.X, F);
    const auto m = static_cast<std::size_t>(h.X.cols);
    upload<Element>(this->context(), std::vector<Element>(m, static_cast<Element>(step)), h.steps);
    upload<std::int32_t>(this->context(), std::vector<std::int32_t>(m, k), h.iterations);
  }
};
TYPED_TEST_SUITE(AndersonMixTest, AllCases, CaseNames);

/// f(x) = Ax + z in two dimensions: two differences span everything, so that the third mixed point
/// is the fixed point, up to the ridge of 1e-6.
TYPED_TEST(AndersonMixTest, SolvesALinearProblemOfTwoUnknownsAtTheThirdPoint) {
  const auto f = [](const std::vector<double>& x) {
    return std::vector<double>{0.5 * x[0] - 0.3 * x[1] + 1.0, 0.2 * x[0] + 0.6 * x[1] - 2.0};
  };
  // (I − A)x = z: 0.5x + 0.3y = 1, −0.2x + 0.4y = −2.
  const std::vector<double> fixed = {1.0 / 0.26, -0.8 / 0.26};
  const auto h = this->history(2, 1, {0, 0});
  std::vector<double> x = {0, 0};
  for (std::int32_t k = 1; k <= 3; ++k) {
    this->evaluate(h, this->rounded(f(x)), std::pow(0.5, k), k);
    this->run(this->mix(h));
    x = this->fetch_double(h.X);
    EXPECT_EQ(this->fetch(h.X), this->fetch(h.Y));
    EXPECT_EQ(this->fetch_vector(h.points), std::vector<std::int32_t>{k});
  }
  // What the ridge leaves is 1e-6 times the condition of the two differences, below 100 here.
  EXPECT_LE(max_difference(x, fixed), 1e-4 + 1000 * this->unit());
  EXPECT_EQ(this->fetch_vector(h.fallbacks), std::vector<std::int32_t>{0});
  EXPECT_TRUE(this->frames_untouched());
}

/// γ from the normal equations written down once more, in double, for every shape.
TYPED_TEST(AndersonMixTest, EqualsTheFormulaInEveryShape) {
  for (const index_t n : {1, 31, 100, 300, 1000})
    for (const index_t m : {1, 5}) {
      const auto h = this->history(n, m, std::vector<double>(static_cast<std::size_t>(n * m), 0.0));
      std::array<std::vector<double>, 3> F, Y;
      Y[0].assign(static_cast<std::size_t>(n * m), 0.0);
      for (std::size_t k = 0; k < 3; ++k) {
        F[k] = this->rounded(this->random_.uniforms(n * m, -1, 1));
        this->evaluate(h, F[k], std::pow(0.5, static_cast<double>(k)),
                       static_cast<std::int32_t>(k) + 1);
        this->run(this->mix(h));
        if (k < 2) Y[k + 1] = this->fetch_double(h.X);
      }
      const auto X = this->fetch_double(h.X);
      const auto size = static_cast<std::size_t>(n);
      for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
        double a11 = 0, a12 = 0, a22 = 0, b1 = 0, b2 = 0;
        for (std::size_t e = j * size; e < (j + 1) * size; ++e) {
          const double G = F[2][e] - Y[2][e];
          const double d1 = G - (F[1][e] - Y[1][e]), d2 = G - (F[0][e] - Y[0][e]);
          a11 += d1 * d1, a12 += d1 * d2, a22 += d2 * d2, b1 += d1 * G, b2 += d2 * G;
        }
        const double ridge = 1e-6 * (a11 + a22);
        a11 += ridge, a22 += ridge;
        const double determinant = a11 * a22 - a12 * a12;
        const double g1 = (b1 * a22 - b2 * a12) / determinant;
        const double g2 = (b2 * a11 - b1 * a12) / determinant;
        // The sums' rounding (n·unit each, of a11·a22), as the determinant magnifies it.
        const double bound = 30 * (static_cast<double>(n) + 8) * this->unit() *
                             (1 + a11 * a22 / determinant) * (1 + std::abs(g1) + std::abs(g2));
        for (std::size_t e = j * size; e < (j + 1) * size; ++e)
          ASSERT_NEAR(X[e], F[2][e] - g1 * (F[2][e] - F[1][e]) - g2 * (F[2][e] - F[0][e]), bound)
              << n << " rows, column " << j;
      }
    }
}

TYPED_TEST(AndersonMixTest, GoesBackToTheLastPointWhereTheResidualDidNotFall) {
  const auto h = this->history(3, 2, {0, 0, 0, 0, 0, 0});
  this->evaluate(h, {1, 2, 3, 1, 2, 3}, 1.0, 1);
  this->run(this->mix(h));
  // The second point was not mixed: it is kept however large its residual is.
  this->evaluate(h, {2, 4, 7, 2, 4, 7}, 2.0, 2);
  this->run(this->mix(h));
  EXPECT_EQ(this->fetch_vector(h.points), (std::vector<std::int32_t>{2, 2}));
  // The third was, and has 0.96 of the residual before; more than 0.95 is too much.
  this->evaluate(h, {9, 9, 9, 9, 9, 9}, 1.92, 3);
  this->run(this->mix(h));
  EXPECT_EQ(this->fetch_double(h.X), (std::vector<double>{2, 4, 7, 2, 4, 7}));
  EXPECT_EQ(this->fetch_double(h.Y), (std::vector<double>{2, 4, 7, 2, 4, 7}));
  EXPECT_EQ(this->fetch_vector(h.points), (std::vector<std::int32_t>{0, 0}));
  EXPECT_EQ(this->fetch_vector(h.fallbacks), (std::vector<std::int32_t>{1, 1}));
  // From there on as from the start.
  this->evaluate(h, {3, 5, 8, 3, 5, 8}, 1.5, 4);
  this->run(this->mix(h));
  EXPECT_EQ(this->fetch_double(h.X), (std::vector<double>{3, 5, 8, 3, 5, 8}));
}

TYPED_TEST(AndersonMixTest, StoppedColumnsStayAndNanHarmsNoOtherColumn) {
  const index_t n = 40, m = 3;
  std::vector<std::vector<double>> answers;
  for (const bool spoiled : {false, true}) {
    RandomValues random(3);
    const auto h = this->history(n, m, std::vector<double>(120, 0.0), {2});
    for (std::int32_t k = 1; k <= 3; ++k) {
      auto F = random.uniforms(n * m, -1, 1);
      if (spoiled && k >= 2) F[7] = k_nan;
      this->evaluate(h, F, std::pow(0.5, k), k);
      this->run(this->mix(h));
      const auto X = this->fetch_double(h.X);
      for (std::size_t i = 80; i < 120; ++i) EXPECT_EQ(X[i], this->rounded(F)[i]);
    }
    answers.push_back(this->fetch_double(h.X));
  }
  for (std::size_t i = 40; i < 120; ++i) EXPECT_EQ(answers[0][i], answers[1][i]);
}

/// The same residual three times: nothing can be learned, and nothing divided by 0.
TYPED_TEST(AndersonMixTest, IsThePlainIterationWhereTheHistorySaysNothing) {
  const auto h = this->history(4, 1, {0, 0, 0, 0});
  std::vector<double> x(4, 0.0);
  for (std::int32_t k = 1; k <= 3; ++k) {
    for (double& value : x) value += 0.25;
    this->evaluate(h, x, std::pow(0.5, k), k);
    this->run(this->mix(h));
    EXPECT_EQ(this->fetch_double(h.X), x);
  }
}

TYPED_TEST(AndersonMixTest, WrongShapesAreRefusedWithBothShapes) {
  auto h = this->history(4, 3, std::vector<double>(12, 0.0));
  h.G_odd = this->view(4, 2);
  EXPECT_TRUE(holds(this->refusal_of(this->mix(h)), {"AndersonMix", "G_odd", "4x2", "4x3"}));
}

}  // namespace
}  // namespace idl::test
