// SPDX-License-Identifier: MIT
// Grids of blocks as linear maps, against the dense matrix of the same entries.
#include "tests/kernels/solve_test.hpp"

namespace idl::test {
namespace {

constexpr index_t k_size = 37;

template <class C>
class BlocksMapTest : public SolveTest<C> {
 protected:
  using Element = typename C::Scalar;

  /// k_size×k_size, with zeros where the grid has no block and every third entry elsewhere.
  std::vector<double> entries() {
    std::vector<double> A = this->rounded(this->random_.uniforms(k_size * k_size, -1, 1));
    const index_t third = k_size / 3;
    for (index_t j = 0; j < k_size; ++j)
      for (index_t i = 0; i < k_size; ++i)
        if ((i >= 2 * third && j < third) || (i + 2 * j) % 3 == 0)
          A[static_cast<std::size_t>(i + j * k_size)] = 0.0;
    return A;
  }
  void run_all(const Sequence& steps) { backend_of(this->context())->run_in_order(steps); }

  void check_product(const LinearMap<Element>& map, const std::vector<double>& A, index_t rows,
                     index_t m, const ProductOptions& options, index_t rank);
};

/// A has `rows` rows and k_size columns.
template <class C>
void BlocksMapTest<C>::check_product(const LinearMap<Element>& map, const std::vector<double>& A,
                                     index_t rows, index_t m, const ProductOptions& options,
                                     index_t rank) {
  const index_t to = options.transpose ? k_size : rows;
  const index_t from = options.transpose ? rows : k_size;
  const auto X = this->rounded(this->random_.uniforms(from * m, -1, 1));
  const auto Y = this->view(to, m, options.accumulate ? 3.0 : k_nan);
  run_all(
      product_steps<Element>(map, this->view(from, m, X), Y, options, this->view(rank, m, k_nan)));
  EXPECT_TRUE(this->frames_untouched());
  const auto got = this->fetch_double(Y);
  for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j)
    for (std::size_t i = 0; i < static_cast<std::size_t>(to); ++i) {
      double expected = options.accumulate ? 3.0 : 0.0;
      double size = expected;
      for (std::size_t l = 0; l < static_cast<std::size_t>(from); ++l) {
        const double a = options.transpose ? A[l + i * static_cast<std::size_t>(rows)]
                                           : A[i + l * static_cast<std::size_t>(rows)];
        const double term = a * X[l + j * static_cast<std::size_t>(from)];
        expected += term;
        size += std::abs(term);
      }
      const auto terms = static_cast<double>(terms_per_row(map)) + 1;
      ASSERT_NEAR(got[i + j * static_cast<std::size_t>(to)], expected,
                  terms * this->unit() / 2 * size * 1.001)
          << m << " columns, entry " << i << ", " << j;
    }
}

TYPED_TEST_SUITE(BlocksMapTest, AllCases, CaseNames);

TYPED_TEST(BlocksMapTest, MultipliesAsTheDenseMatrixOfItsBlocks) {
  const auto A = this->entries();
  const auto grid = this->grid_of(k_size, A, true);
  for (const index_t m : {0, 1, 33})
    for (const bool transpose : {false, true})
      for (const bool accumulate : {false, true})
        for (const bool invariant : {false, true})
          ASSERT_NO_FATAL_FAILURE(this->check_product(
              grid, A, k_size, m,
              {.transpose = transpose, .accumulate = accumulate, .batch_invariant = invariant}, 0));
}

TYPED_TEST(BlocksMapTest, GridsOfGridsAndOfLowRankHaveTheirPlaces) {
  using T = typename TypeParam::Scalar;
  // [G; L Rᵀ; 0] of rows 37, 5 and 2.
  const auto A = this->entries();
  const auto L = this->rounded(this->random_.uniforms(5 * 2, -1, 1));
  const auto R = this->rounded(this->random_.uniforms(k_size * 2, -1, 1));
  const BlocksMap<T> map = {
      {k_size, 5, 2},
      {k_size},
      {{0, 0, this->grid_of(k_size, A, true)},
       {1, 0, LowRankMap<T>{.L = this->view(5, 2, L), .R = this->view(k_size, 2, R)}}}};
  std::vector<double> dense(44 * k_size, 0.0);
  for (std::size_t j = 0; j < k_size; ++j) {
    for (std::size_t i = 0; i < k_size; ++i) dense[i + j * 44] = A[i + j * k_size];
    for (std::size_t i = 0; i < 5; ++i)
      dense[37 + i + j * 44] = L[i] * R[j] + L[i + 5] * R[j + k_size];
  }
  EXPECT_EQ(rows<T>(map), 44);
  EXPECT_EQ(cols<T>(map), k_size);
  EXPECT_EQ(inner_rows<T>(map), 2);
  EXPECT_EQ(stored_entries<T>(map),
            stored_entries<T>(this->grid_of(k_size, A, true)) + 2 * (5 + k_size));
  EXPECT_FALSE(entries_of<T>(map).has_value());
  for (const bool transpose : {false, true})
    ASSERT_NO_FATAL_FAILURE(this->check_product(map, dense, 44, 3, {.transpose = transpose}, 2));
  EXPECT_FALSE(has_abs_product<T>(map));
  const auto sums = this->reals(44, k_nan);
  this->run_all(row_abs_sum_steps<T>(map, sums, this->reals(partial_sums<T>(map), k_nan)));
  const auto got = this->fetch_reals(sums);
  for (std::size_t i = 0; i < 44; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < k_size; ++j)
      sum += i < 37 || i > 41 ? std::abs(dense[i + j * 44])
                              : std::abs(L[i - 37] * R[j]) + std::abs(L[i - 32] * R[j + k_size]);
    EXPECT_NEAR(got[i], sum, 50 * this->unit() * sum) << i;
  }
}

TYPED_TEST(BlocksMapTest, SumsTheMagnitudesOfItsRows) {
  using T = typename TypeParam::Scalar;
  const auto A = this->entries();
  const LinearMap<T> map = this->grid_of(k_size, A, true);
  const auto v = this->random_.uniforms(k_size, 0, 2);
  const auto y = this->vector(std::vector<double>(k_size, k_nan));
  const auto partial =
      this->vector(std::vector<double>(static_cast<std::size_t>(partial_sums(map)), k_nan));
  ASSERT_TRUE(has_abs_product(map));
  this->run_all(abs_product_steps<T>(map, this->vector(v), y, partial));
  const auto got = this->fetch_vector(y);
  for (std::size_t i = 0; i < k_size; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < k_size; ++j) sum += std::abs(A[i + j * k_size]) * v[j];
    EXPECT_NEAR(got[i], sum, 1e-13 * sum);
  }
}

TYPED_TEST(BlocksMapTest, HasRowsAndRowsOfItsTranspose) {
  using T = typename TypeParam::Scalar;
  const LinearMap<T> map = this->grid_of(k_size, this->entries(), true);
  const auto X = this->view(k_size, 3, this->random_.uniforms(k_size * 3, -1, 1));
  const auto whole = this->view(k_size, 3);
  for (const bool transpose : {false, true}) {
    const ProductOptions options = {.transpose = transpose, .batch_invariant = true};
    this->run_all(product_steps<T>(map, X, whole, options));
    for (const auto& [first, count] :
         {std::pair<index_t, index_t>{0, k_size}, {4, 3}, {4, 20}, {12, 12}, {30, 0}, {36, 1}}) {
      const LinearMap<T> part = rows_of<T>(map, first, count, transpose);
      EXPECT_EQ(rows(part), transpose ? k_size : count);
      EXPECT_EQ(cols(part), transpose ? count : k_size);
      const auto cut = this->view(count, 3);
      this->run_all(product_steps<T>(part, X, cut, options));
      EXPECT_EQ(this->fetch(cut), this->fetch(whole.row_range(first, count)));
    }
  }
}

}  // namespace
}  // namespace idl::test
