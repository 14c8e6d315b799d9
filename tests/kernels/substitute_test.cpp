// SPDX-License-Identifier: MIT
#include "tests/kernels/substitution_rows.hpp"

namespace idl::test {
namespace {

constexpr index_t k_shapes[][2] = {{0, 3}, {1, 0}, {1, 1}, {2, 17}, {31, 33}, {33, 5}, {64, 40}};

template <class C>
class SubstituteTest : public SubstitutionRowsTest<C> {
 protected:
  using Element = typename C::Scalar;

  using typename SubstitutionRowsTest<C>::Operands;
  using typename SubstitutionRowsTest<C>::Result;

  Operands operands(index_t n, index_t m) {
    Operands o = this->random_operands(n, m);
    // What lies on and below the diagonal must not matter.
    for (index_t j = 0; j < n; ++j)
      for (index_t i = j; i < n; ++i) o.A[static_cast<std::size_t>(i + j * n)] = k_nan;
    return o;
  }

  Substitute<Element> primitive(const Operands& o, bool adjoint, bool transpose,
                                const std::vector<std::size_t>& stopped, bool join) {
    return {.A = this->view(o.n, o.n, o.A),
            .transpose = transpose,
            .update = this->update_of(o, adjoint, stopped, join)};
  }

  Result solve(const Operands& o, bool adjoint, bool transpose,
               const std::vector<std::size_t>& stopped = {}, bool join = false) {
    return this->result_of(primitive(o, adjoint, transpose, stopped, join));
  }

  /// Column j of the answer, by a loop of its own.
  static std::vector<double> by_hand(const Operands& o, bool adjoint, bool transpose,
                                     std::size_t j) {
    const auto n = static_cast<std::size_t>(o.n);
    std::vector<double> x(n, 0.0);
    for (std::size_t step = 0; step < n; ++step) {
      const std::size_t i = transpose ? step : n - 1 - step;
      double s = o.S[i + j * n] + o.forcing[i + j * n];
      for (std::size_t l = 0; l < n; ++l) {
        if (transpose ? l < i : l > i) s += (transpose ? o.A[l + i * n] : o.A[i + l * n]) * x[l];
      }
      x[i] = adjoint ? o.Psi[i + j * n] * s : std::max(s, 0.0) + std::log1p(std::exp(-std::abs(s)));
    }
    return x;
  }
};
TYPED_TEST_SUITE(SubstituteTest, AllCases, CaseNames);

TYPED_TEST(SubstituteTest, ThreeRowsByHand) {
  using T = typename TypeParam::Scalar;
  const auto X = this->view(3, 1, 9.0);
  const auto steps = this->reals(1, 9.0);
  const auto norms = this->reals(1, 9.0);
  const PicardUpdate<T> update = {.S = this->view(3, 1, {1, 0, -1}),
                                  .Z = this->view(3, 1, {0, -1, 3}),
                                  .X = X,
                                  .activation = {},
                                  .step_norms = steps,
                                  .state_norms = norms,
                                  .status = this->statuses(1)};
  const auto A = this->view(3, 3, {0, 0, 0, 4, 0, 0, 2, 3, 0});
  this->run(Substitute<T>{.A = A, .transpose = false, .update = update});
  // x₃ = 2, x₂ = −1 + 3·2, x₁ = 1 + 4·5 + 2·2.
  EXPECT_EQ(this->fetch_double(X), (std::vector<double>{25, 5, 2}));
  EXPECT_EQ(this->fetch_reals(steps), std::vector<double>{0});
  EXPECT_EQ(this->fetch_reals(norms), std::vector<double>{25});
  this->run(Substitute<T>{.A = A, .transpose = true, .update = update});
  // x₁ = 1, x₂ = −1 + 4·1, x₃ = 2 + 2·1 + 3·3.
  EXPECT_EQ(this->fetch_double(X), (std::vector<double>{1, 3, 13}));
}

TYPED_TEST(SubstituteTest, EqualsTheNaiveSubstitutionInEveryShape) {
  for (const auto& [n, m] : k_shapes)
    for (const bool adjoint : {false, true})
      for (const bool transpose : {false, true}) {
        const auto o = this->operands(n, m);
        const auto got = this->solve(o, adjoint, transpose);
        for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
          const auto x = this->by_hand(o, adjoint, transpose, j);
          double largest = 0, sum = 0;
          for (const double value : x) {
            largest = std::max(largest, std::abs(value));
            sum += std::abs(value);
          }
          // Each row adds an error of (n+2)·u of the largest, which the rows after it may enlarge;
          // with |Ψ| and |a| below 1 at random, not a thousandfold.
          const double tolerance =
              1e3 * this->unit() * (static_cast<double>(n) + 2) * std::max(largest, 1.0);
          for (std::size_t i = 0; i < x.size(); ++i)
            ASSERT_NEAR(got.X[i + j * x.size()], x[i], tolerance) << n << "x" << m << " row " << i;
          ASSERT_NEAR(got.norms[j], adjoint ? sum : largest,
                      (static_cast<double>(n) + 1) * tolerance);
          ASSERT_EQ(got.steps[j], 0.0);
        }
      }
}

TYPED_TEST(SubstituteTest, LeavesStoppedColumnsAndJoinsNorms) {
  for (const bool adjoint : {false, true}) {
    const auto o = this->operands(33, 19);
    const auto all = this->solve(o, adjoint, adjoint);
    const auto got = this->solve(o, adjoint, adjoint, {3, 18}, true);
    for (std::size_t j = 0; j < 19; ++j) {
      const bool stopped = j == 3 || j == 18;
      for (std::size_t i = 0; i < 33; ++i)
        EXPECT_EQ(got.X[i + j * 33], stopped ? this->k_before : all.X[i + j * 33]);
      EXPECT_EQ(got.steps[j], stopped ? this->k_before : 0.0);
      const double joined =
          adjoint ? all.norms[j] + this->k_before : std::max(all.norms[j], this->k_before);
      EXPECT_NEAR(got.norms[j], stopped ? this->k_before : joined, 40 * this->unit() * joined);
    }
  }
}

TYPED_TEST(SubstituteTest, AColumnHasTheSameBitsAloneAndBesideOneThatIsNotANumber) {
  for (const bool adjoint : {false, true}) {
    auto o = this->operands(50, 21);
    const auto all = this->solve(o, adjoint, adjoint);
    o.forcing[7 * 50 + 20] = k_nan;
    const auto spoiled = this->solve(o, adjoint, adjoint);
    for (std::size_t j = 0; j < 21; ++j) {
      auto alone = o;
      alone.m = 1;
      for (auto* part : {&alone.S, &alone.forcing, &alone.Psi})
        *part = {part->begin() + static_cast<std::ptrdiff_t>(j * 50),
                 part->begin() + static_cast<std::ptrdiff_t>(j * 50 + 50)};
      const auto one = this->solve(alone, adjoint, adjoint);
      EXPECT_EQ(std::isnan(spoiled.steps[j]), j == 7);
      EXPECT_EQ(std::isnan(spoiled.norms[j]), j == 7);
      if (j == 7) continue;
      for (std::size_t i = 0; i < 50; ++i) {
        EXPECT_EQ(one.X[i], all.X[i + j * 50]);
        EXPECT_EQ(spoiled.X[i + j * 50], all.X[i + j * 50]);
      }
    }
  }
}

TYPED_TEST(SubstituteTest, RefusesWhatDoesNotFit) {
  using T = typename TypeParam::Scalar;
  auto s = this->primitive(this->operands(4, 3), false, false, {}, false);
  s.A = this->view(3, 4);
  EXPECT_TRUE(holds(this->refusal_of(s), {"Substitute", "A has 3 rows", "X has 4 rows"}));
  s = this->primitive(this->operands(65, 1), true, false, {}, false);
  EXPECT_TRUE(holds(this->refusal_of(s), {"Substitute", "65 rows", "64"}));
  s = this->primitive(this->operands(4, 3), false, false, {}, false);
  s.A = std::get<PicardUpdate<T>>(s.update).X.block(0, 0, 3, 3);
  EXPECT_FALSE(this->refusal_of(s).empty());
}

}  // namespace
}  // namespace idl::test
