// SPDX-License-Identifier: MIT
// Rows of compressed matrices one level after the other, against a naive substitution in double.
// Whole solves are in substitution_test.cpp.
#include "tests/kernels/substitution_rows.hpp"

namespace idl::test {
namespace {

template <class C>
class SubstituteByLevelsTest : public SubstitutionRowsTest<C> {
 protected:
  using Element = typename C::Scalar;

  using typename SubstitutionRowsTest<C>::Operands;
  using typename SubstitutionRowsTest<C>::Result;

  /// Strictly upper triangular, of which about one entry in `every` is stored.
  Operands operands(index_t n, index_t m, index_t every) {
    Operands o = this->random_operands(n, m);
    for (index_t j = 0; j < n; ++j)
      for (index_t i = 0; i < n; ++i)
        if (i >= j || (5 * i + 3 * j) % every != 0) o.A[static_cast<std::size_t>(i + j * n)] = 0.0;
    return o;
  }

  SubstituteByLevels<Element> primitive(const Operands& o, bool adjoint,
                                        const std::vector<std::size_t>& stopped, bool join) {
    const CsrMap<Element> map = this->compressed(o.n, o.n, o.A);
    return {.A = adjoint ? map.transposed : map.A,
            .levels = adjoint ? map.transposed_levels : map.levels,
            .update = this->update_of(o, adjoint, stopped, join)};
  }

  Result solve(const Operands& o, bool adjoint, const std::vector<std::size_t>& stopped = {},
               bool join = false) {
    return this->result_of(primitive(o, adjoint, stopped, join));
  }

  /// Column j, and beside it how large its rounding may be: that of a row's own sum, of up to n + 3
  /// roundings and some ulps for φ, and that of the rows before it.
  static std::pair<std::vector<double>, std::vector<double>> by_hand(const Operands& o,
                                                                     bool adjoint, std::size_t j) {
    const auto n = static_cast<std::size_t>(o.n);
    std::vector<double> x(n, 0.0), rounding(n, 0.0);
    for (std::size_t step = 0; step < n; ++step) {
      const std::size_t i = adjoint ? step : n - 1 - step;
      double s = o.S[i + j * n] + o.forcing[i + j * n];
      double size = std::abs(o.S[i + j * n]) + std::abs(o.forcing[i + j * n]);
      for (std::size_t l = 0; l < n; ++l) {
        const double a = adjoint ? o.A[l + i * n] : o.A[i + l * n];
        s += a * x[l];
        size += std::abs(a * x[l]);
        rounding[i] += std::abs(a) * rounding[l];
      }
      rounding[i] += SubstituteByLevelsTest::unit() * ((static_cast<double>(n) + 3) * size + 8);
      x[i] = adjoint ? o.Psi[i + j * n] * s : std::max(s, 0.0) + std::log1p(std::exp(-std::abs(s)));
    }
    return {x, rounding};
  }
};
TYPED_TEST_SUITE(SubstituteByLevelsTest, AllCases, CaseNames);

TYPED_TEST(SubstituteByLevelsTest, EqualsTheNaiveSubstitutionInEveryShape) {
  // With short rows and long ones, columns that have a block to themselves and that share one.
  for (const auto& [n, m, every] : {std::tuple<index_t, index_t, index_t>{0, 3, 1},
                                    {1, 0, 1},
                                    {1, 1, 1},
                                    {2, 17, 1},
                                    {31, 33, 2},
                                    {33, 5, 100},
                                    {70, 9, 11},
                                    {20, 258, 3}})
    for (const bool adjoint : {false, true}) {
      const auto o = this->operands(n, m, every);
      const auto got = this->solve(o, adjoint);
      for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
        const auto [x, rounding] = this->by_hand(o, adjoint, j);
        double norm = 0, error = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
          ASSERT_NEAR(got.X[i + j * x.size()], x[i], rounding[i])
              << n << "x" << m << " row " << i << " column " << j;
          norm = adjoint ? norm + std::abs(x[i]) : std::max(norm, std::abs(x[i]));
          error += rounding[i];
        }
        ASSERT_NEAR(got.norms[j], norm, error + static_cast<double>(n) * this->unit() * norm);
        ASSERT_EQ(got.steps[j], 0.0);
      }
    }
}

TYPED_TEST(SubstituteByLevelsTest, LeavesStoppedColumnsAndJoinsNorms) {
  for (const bool adjoint : {false, true}) {
    const auto o = this->operands(33, 19, 3);
    const auto all = this->solve(o, adjoint);
    const auto got = this->solve(o, adjoint, {3, 18}, true);
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

TYPED_TEST(SubstituteByLevelsTest, AColumnHasTheSameBitsAloneAndAmongManyOfWhichOneIsNotANumber) {
  constexpr std::size_t k_n = 20;
  for (const bool adjoint : {false, true}) {
    auto o = this->operands(k_n, 258, 2);
    const auto all = this->solve(o, adjoint);
    o.forcing[7 * k_n + k_n - 1] = k_nan;
    const auto spoiled = this->solve(o, adjoint);
    EXPECT_TRUE(std::isnan(spoiled.steps[7]));
    EXPECT_TRUE(std::isnan(spoiled.norms[7]));
    for (const std::size_t j : {std::size_t{0}, std::size_t{5}, std::size_t{257}}) {
      auto alone = o;
      alone.m = 1;
      for (auto* part : {&alone.S, &alone.forcing, &alone.Psi})
        *part = {part->begin() + static_cast<std::ptrdiff_t>(j * k_n),
                 part->begin() + static_cast<std::ptrdiff_t>(j * k_n + k_n)};
      const auto one = this->solve(alone, adjoint);
      EXPECT_EQ(one.norms[0], all.norms[j]);
      for (std::size_t i = 0; i < k_n; ++i) {
        EXPECT_EQ(one.X[i], all.X[i + j * k_n]);
        EXPECT_EQ(spoiled.X[i + j * k_n], all.X[i + j * k_n]);
      }
    }
  }
}

TYPED_TEST(SubstituteByLevelsTest, RefusesWhatDoesNotFit) {
  const auto refused = [&](const auto& change, std::initializer_list<std::string_view> parts) {
    auto s = this->primitive(this->operands(4, 3, 1), false, {}, false);
    change(s);
    EXPECT_TRUE(holds(this->refusal_of(s), parts));
  };
  refused([](auto& s) { s.A.cols = 5; }, {"SubstituteByLevels", "A has 5 columns", "X has 4 rows"});
  refused([](auto& s) { s.A = s.A.row_range(0, 3); }, {"A has 3 rows", "X has 4 rows"});
  refused([](auto& s) { s.levels.rows.size = 3; }, {"levels.rows has 3 elements", "X has 4 rows"});
  refused([](auto& s) { s.levels.offsets = {}; }, {"levels.offsets is empty"});
}

}  // namespace
}  // namespace idl::test
