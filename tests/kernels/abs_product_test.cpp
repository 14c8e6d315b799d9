// SPDX-License-Identifier: MIT
#include "kernels/linear_map.hpp"
#include "tests/kernels/sparse.hpp"

namespace idl::test {
namespace {

template <class C>
class AbsProductTest : public SparseTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  /// |A|v by a dense and by a compressed A, NaN before.
  std::vector<double> dense(index_t rows, index_t cols, const std::vector<double>& A,
                            const std::vector<double>& v) {
    return product(ConstMatrixView<Element>(this->view(rows, cols, A)), rows, v);
  }
  std::vector<double> compressed(index_t rows, index_t cols, const std::vector<double>& A,
                                 const std::vector<double>& v) {
    return product(this->read_only(this->to_csr(rows, cols, A)), rows, v);
  }

 private:
  template <class View>
  std::vector<double> product(const View& A, index_t rows, const std::vector<double>& v) {
    const auto y = this->vector(std::vector<double>(static_cast<std::size_t>(rows), k_nan));
    this->run(AbsProduct<Element>{.A = A, .v = this->vector(v), .y = y});
    return this->fetch_vector(y);
  }
};
TYPED_TEST_SUITE(AbsProductTest, AllCases, CaseNames);

TYPED_TEST(AbsProductTest, EqualsTheNaiveProductInEveryShape) {
  for (const index_t rows : {0, 1, 31, 33, 257})
    for (const index_t cols : {0, 1, 33, 300}) {
      auto A = this->sparse_values(rows, cols);
      for (std::size_t at = 0; at < A.size(); at += 2) A[at] = -A[at];
      const std::vector<double> v = this->random_.uniforms(cols, 0.5, 2.0);
      const auto by_dense = this->dense(rows, cols, A, v);
      const auto by_csr = this->compressed(rows, cols, A, v);
      for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
        double sum = 0.0;
        for (std::size_t j = 0; j < static_cast<std::size_t>(cols); ++j)
          sum += std::abs(A[i + j * static_cast<std::size_t>(rows)]) * v[j];
        // Both sums, of `cols` products, have that many roundings, whatever T is.
        const double most = 2.0 * (static_cast<double>(cols) + 1.0) * 0x1p-53 * sum;
        ASSERT_NEAR(by_dense[i], sum, most) << rows << "x" << cols << ", row " << i;
        ASSERT_NEAR(by_csr[i], sum, most) << rows << "x" << cols << ", row " << i;
      }
    }
}

TYPED_TEST(AbsProductTest, KeepsWhatTheElementTypeCannotHold) {
  const std::vector<double> large = {1e200, 0x1p-60};
  for (const auto& y :
       {this->dense(1, 2, {-0.5, 0}, large), this->compressed(1, 2, {-0.5, 0}, large)})
    EXPECT_EQ(y, std::vector<double>{0.5e200});
  const std::vector<double> near_one = {1.0, 0x1p-40};
  for (const auto& y :
       {this->dense(1, 2, {1, -1}, near_one), this->compressed(1, 2, {1, -1}, near_one)})
    EXPECT_EQ(y, std::vector<double>{1.0 + 0x1p-40});
}

TYPED_TEST(AbsProductTest, NanStaysInItsRow) {
  const std::vector<double> A = {k_nan, 1, 0, 2, -3, 0};
  for (const auto& y : {this->dense(3, 2, A, {1, 2}), this->compressed(3, 2, A, {1, 2})}) {
    EXPECT_TRUE(std::isnan(y[0]));
    EXPECT_EQ(y[1], 7.0);
    EXPECT_EQ(y[2], 0.0);
  }
}

TYPED_TEST(AbsProductTest, IsWhatEveryKindOfMapAnswers) {
  using T = typename TypeParam::Scalar;
  const std::vector<double> A = {0, 0, -2, 0};
  const ConstMatrixView<T> dense = this->view(2, 2, A);
  const auto v = this->vector(std::vector<double>{5, 3});
  for (const LinearMap<T>& map :
       {LinearMap<T>(DenseMap<T>{dense}), LinearMap<T>(StrictlyUpperMap<T>{dense}),
        LinearMap<T>(CsrMap<T>{.A = this->read_only(this->to_csr(2, 2, A))})}) {
    const auto y = this->vector(std::vector<double>{k_nan, k_nan});
    backend_of(this->context())->compile(abs_product_steps<T>(map, v, y))->launch();
    EXPECT_EQ(this->fetch_vector(y), (std::vector<double>{6, 0}));
  }
}

TYPED_TEST(AbsProductTest, RefusesVectorsOfAnotherSize) {
  using T = typename TypeParam::Scalar;
  const ConstMatrixView<T> A = this->view(2, 3);
  const auto two = this->vector(std::vector<double>{1, 1});
  const auto three = this->vector(std::vector<double>{1, 1, 1});
  EXPECT_TRUE(holds(this->refusal_of(AbsProduct<T>{.A = A, .v = two, .y = two}),
                    {"AbsProduct", "v has 2 elements", "A has 3 columns"}));
  EXPECT_TRUE(holds(this->refusal_of(AbsProduct<T>{.A = A, .v = three, .y = three}),
                    {"AbsProduct", "y has 3 elements", "A has 2 rows"}));
}

}  // namespace
}  // namespace idl::test
