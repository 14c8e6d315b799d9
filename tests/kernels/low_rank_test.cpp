// SPDX-License-Identifier: MIT
// A = LRᵀ as a linear map, against the dense product of its factors in double.
#include "host/backend_of.hpp"
#include "kernels/linear_map.hpp"
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

constexpr index_t k_ranks[] = {0, 1, 7, 40};
constexpr index_t k_rows = 33;
constexpr index_t k_cols = 21;

template <class C>
class LowRankTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;

  struct Factors {
    std::vector<double> L, R;
    LowRankMap<Element> map;
  };
  Factors factors(index_t rank) {
    Factors f = {this->rounded(this->random_.uniforms(k_rows * rank, -1, 1)),
                 this->rounded(this->random_.uniforms(k_cols * rank, -1, 1)),
                 {}};
    f.map = {.L = this->view(k_rows, rank, f.L), .R = this->view(k_cols, rank, f.R)};
    return f;
  }
  /// Entry (i, j) of LRᵀ, or of |L||R|ᵀ.
  static double entry(const Factors& f, std::size_t i, std::size_t j, bool absolute) {
    double sum = 0.0;
    for (std::size_t k = 0; k * k_rows < f.L.size(); ++k) {
      const double term = f.L[i + k * k_rows] * f.R[j + k * k_cols];
      sum += absolute ? std::abs(term) : term;
    }
    return sum;
  }
  void run_all(const Sequence& steps) { backend_of(this->context())->run_in_order(steps); }

  void check_product(index_t rank, index_t m, bool transpose, bool accumulate, bool invariant);
};

template <class C>
void LowRankTest<C>::check_product(index_t rank, index_t m, bool transpose, bool accumulate,
                                   bool invariant) {
  const Factors f = factors(rank);
  const LinearMap<Element> map = f.map;
  const index_t to = transpose ? k_cols : k_rows;
  const index_t from = transpose ? k_rows : k_cols;
  const auto X = this->rounded(this->random_.uniforms(from * m, -1, 1));
  const auto Y = this->view(to, m, accumulate ? 3.0 : k_nan);
  // With more columns than are needed.
  const auto inner = this->view(rank, m + 2, k_nan);
  run_all(product_steps<Element>(
      map, this->view(from, m, X), Y,
      {.transpose = transpose, .accumulate = accumulate, .batch_invariant = invariant}, inner));
  EXPECT_TRUE(this->frames_untouched());
  const auto got = this->fetch_double(Y);
  for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j)
    for (std::size_t i = 0; i < static_cast<std::size_t>(to); ++i) {
      double expected = accumulate ? 3.0 : 0.0;
      double size = expected;
      for (std::size_t l = 0; l < static_cast<std::size_t>(from); ++l) {
        const double x = X[l + j * static_cast<std::size_t>(from)];
        expected += (transpose ? entry(f, l, i, false) : entry(f, i, l, false)) * x;
        size += (transpose ? entry(f, l, i, true) : entry(f, i, l, true)) * std::abs(x);
      }
      const auto terms = static_cast<double>(terms_per_row(map)) + 1;
      ASSERT_NEAR(got[i + j * static_cast<std::size_t>(to)], expected,
                  terms * this->unit() / 2 * size * 1.001)
          << "rank " << rank << ", " << m << " columns, entry " << i << ", " << j;
    }
}

TYPED_TEST_SUITE(LowRankTest, AllCases, CaseNames);

TYPED_TEST(LowRankTest, MultipliesAsTheDenseProductOfItsFactors) {
  for (const index_t rank : k_ranks)
    for (const index_t m : {0, 1, 33})
      for (const bool transpose : {false, true})
        for (const bool accumulate : {false, true})
          for (const bool invariant : {false, true})
            ASSERT_NO_FATAL_FAILURE(this->check_product(rank, m, transpose, accumulate, invariant));
}

TYPED_TEST(LowRankTest, TellsItsSize) {
  using T = typename TypeParam::Scalar;
  const LinearMap<T> map = this->factors(7).map;
  EXPECT_EQ(rows(map), k_rows);
  EXPECT_EQ(cols(map), k_cols);
  EXPECT_EQ(inner_rows(map), 7);
  EXPECT_EQ(terms_per_row(map), k_rows + 7);
  EXPECT_EQ(stored_entries(map), (k_rows + k_cols) * 7);
  EXPECT_EQ(product_flops(map, 5), 2.0 * (k_rows + k_cols) * 7 * 5);
  EXPECT_FALSE(entries_of(map).has_value());
  EXPECT_EQ(inner_rows<T>(DenseMap<T>{}), 0);
}

TYPED_TEST(LowRankTest, HasRowsAndRowsOfItsTranspose) {
  using T = typename TypeParam::Scalar;
  const auto f = this->factors(7);
  for (const bool transpose : {false, true}) {
    const LinearMap<T> part = rows_of<T>(f.map, 4, 9, transpose);
    EXPECT_EQ(rows(part), transpose ? k_rows : 9);
    EXPECT_EQ(cols(part), transpose ? 9 : k_cols);
    const index_t from = transpose ? k_rows : k_cols;
    const auto X = this->view(from, 3, this->random_.uniforms(from * 3, -1, 1));
    const auto whole = this->view(transpose ? k_cols : k_rows, 3);
    const auto cut = this->view(9, 3);
    const auto inner = this->view(7, 3);
    const ProductOptions options = {.transpose = transpose, .batch_invariant = true};
    this->run_all(product_steps<T>(f.map, X, whole, options, inner));
    this->run_all(product_steps<T>(part, X, cut, options, inner));
    EXPECT_EQ(this->fetch(cut), this->fetch(whole.row_range(4, 9)));
  }
}

TYPED_TEST(LowRankTest, BoundsTheSumsOfItsRows) {
  using T = typename TypeParam::Scalar;
  for (const index_t rank : k_ranks) {
    const auto f = this->factors(rank);
    const auto sums = this->reals(k_rows, -1.0);
    this->run_all(row_abs_sum_steps<T>(f.map, sums, this->reals(rank, k_nan)));
    const auto got = this->fetch_reals(sums);
    for (std::size_t i = 0; i < k_rows; ++i) {
      double bound = 0.0;
      for (std::size_t j = 0; j < k_cols; ++j) bound += this->entry(f, i, j, true);
      EXPECT_NEAR(got[i], bound, (k_cols + 4) * this->unit() * bound);
    }
  }
}

}  // namespace
}  // namespace idl::test
