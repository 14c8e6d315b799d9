// SPDX-License-Identifier: MIT
#include "tests/kernels/sparse.hpp"

namespace idl::test {
namespace {

template <class C>
class SddmmTest : public SparseTest<C> {
 protected:
  using Element = typename C::Scalar;

  /// Integers, whose products and sums are exact.
  std::vector<double> integers(index_t count) {
    std::vector<double> values(static_cast<std::size_t>(count));
    for (double& value : values) value = static_cast<double>(this->random_.integer(-4, 4));
    return values;
  }
  /// The values of P as a dense matrix, row i being the sum of products of V and X at its entries.
  void expect_products(const CsrView<Element>& P, const std::vector<double>& pattern,
                       const std::vector<double>& V, const std::vector<double>& X,
                       index_t samples) {
    const auto dense = this->view(P.rows, P.cols, k_nan);
    this->run(CsrToDense<Element>{.P = this->read_only(P), .A = dense});
    const auto values = this->fetch_double(dense);
    const auto rows = static_cast<std::size_t>(P.rows), cols = static_cast<std::size_t>(P.cols);
    for (std::size_t j = 0; j < cols; ++j)
      for (std::size_t i = 0; i < rows; ++i) {
        double sum = 0.0;
        for (std::size_t l = 0; l < static_cast<std::size_t>(samples); ++l)
          sum += V[i + l * rows] * X[j + l * cols];
        ASSERT_EQ(values[i + j * rows], pattern[i + j * rows] == 0.0 ? 0.0 : sum)
            << i << ", " << j << " of " << rows << "x" << cols << ", " << samples;
      }
  }
};
TYPED_TEST_SUITE(SddmmTest, AllCases, CaseNames);

TYPED_TEST(SddmmTest, GivesTheOuterProductAtThePattern) {
  using T = typename TypeParam::Scalar;
  for (const index_t r : {1, 33, 100})
    for (const index_t k : {1, 31, 257})
      for (const index_t m : {0, 1, 7, 33, 64, 65, 130, 300}) {
        const auto pattern = this->sparse_values(r, k);
        const auto V = this->integers(r * m), X = this->integers(k * m);
        const CsrView<T> P = this->to_csr(r, k, pattern);
        // Views of larger matrices: V and X may be blocks of rows of [V; dY] and [X; U].
        this->run(Sddmm<T>{.V = this->view(r, m, V), .X = this->view(k, m, X), .P = P});
        this->expect_products(P, pattern, V, X, m);
      }
  EXPECT_TRUE(this->frames_untouched());
}

/// Which a CPU takes of dense products, of some rows at a time.
TYPED_TEST(SddmmTest, GivesItWhereMostEntriesAreStored) {
  using T = typename TypeParam::Scalar;
  for (const auto& [r, k, m] :
       {std::tuple<index_t, index_t, index_t>{1, 1, 0}, {3, 40, 5}, {300, 33, 65}, {257, 1, 130}}) {
    const auto pattern = this->sparse_values(r, k, 0.7);
    const auto V = this->integers(r * m), X = this->integers(k * m);
    const CsrView<T> P = this->to_csr(r, k, pattern);
    this->run(Sddmm<T>{.V = this->view(r, m, V), .X = this->view(k, m, X), .P = P});
    this->expect_products(P, pattern, V, X, m);
  }
}

TYPED_TEST(SddmmTest, WritesTheEntriesOfARangeOfRowsAndNoOthers) {
  using T = typename TypeParam::Scalar;
  const index_t rows = 40, cols = 33, m = 5;
  const auto pattern = this->sparse_values(rows, cols);
  const auto V = this->integers(rows * m), X = this->integers(cols * m);
  const CsrView<T> P = this->to_csr(rows, cols, pattern);
  const auto before = this->fetch_reals({P.values, P.capacity, P.device});
  const auto whole = this->view(rows, m, V);
  const auto x = this->view(cols, m, X);
  // Row ranges [0, 13) and [27, 40) first: the entries between them stay.
  for (const index_t first : {0, 27})
    this->run(Sddmm<T>{.V = whole.row_range(first, 13), .X = x, .P = P.row_range(first, 13)});
  const auto half = this->fetch_reals({P.values, P.capacity, P.device});
  const auto offsets =
      this->fetch_vector(VectorView<std::int64_t>{P.row_offsets, rows + 1, P.device});
  for (auto e = static_cast<std::size_t>(offsets[13]); e < static_cast<std::size_t>(offsets[27]);
       ++e)
    ASSERT_EQ(half[e], before[e]);
  this->run(Sddmm<T>{.V = whole.row_range(13, 14), .X = x, .P = P.row_range(13, 14)});
  this->expect_products(P, pattern, V, X, m);
}

TYPED_TEST(SddmmTest, NanInASampleReachesTheEntriesOfItsRowOrColumnAlone) {
  using T = typename TypeParam::Scalar;
  const std::vector<double> pattern = {1, 1, 1, 0, 1, 1};  // 2x3 without (1, 1)
  const CsrView<T> P = this->to_csr(2, 3, pattern);
  this->run(Sddmm<T>{
      .V = this->view(2, 2, {1, 2, 3, 4}), .X = this->view(3, 2, {1, k_nan, 1, 1, 1, 1}), .P = P});
  const auto values = this->fetch_reals({P.values, P.capacity, P.device});
  EXPECT_EQ(values[0], 4);
  EXPECT_TRUE(std::isnan(values[1]));
  EXPECT_EQ((std::vector<double>{values[2], values[3], values[4]}), (std::vector<double>{4, 6, 6}));
}

TYPED_TEST(SddmmTest, RefusesShapesThatDoNotFit) {
  using T = typename TypeParam::Scalar;
  const CsrView<T> P = this->to_csr(2, 3, {1, 1, 1, 1, 1, 1});
  EXPECT_TRUE(
      holds(this->refusal_of(Sddmm<T>{.V = this->view(2, 4), .X = this->view(3, 5), .P = P}),
            {"Sddmm", "X has 5 columns", "V has 4 columns"}));
  EXPECT_TRUE(
      holds(this->refusal_of(Sddmm<T>{.V = this->view(3, 4), .X = this->view(3, 4), .P = P}),
            {"Sddmm", "P has 2 rows", "V has 3 rows"}));
}

}  // namespace
}  // namespace idl::test
