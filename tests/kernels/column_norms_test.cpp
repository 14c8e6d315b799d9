// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class ColumnNormsTest : public KernelTest<C> {};
TYPED_TEST_SUITE(ColumnNormsTest, AllCases, CaseNames);

TYPED_TEST(ColumnNormsTest, EqualsTheNaiveNormsInEveryShape) {
  using T = typename TypeParam::Scalar;
  for (const index_t rows : {0, 1, 31, 33, 1000})
    for (const index_t cols : {0, 1, 33}) {
      const auto X = this->rounded(this->random_.uniforms(rows * cols, -1, 1));
      const auto view = this->view(rows, cols, X);
      const auto inf = this->reals(cols, -1);
      const auto one = this->reals(cols, -1);
      this->run(ColumnNorms<T>{.X = view, .norms = inf});
      this->run(ColumnNorms<T>{.X = view, .norms = one, .kind = NormKind::one});
      const auto inf_values = this->fetch_reals(inf);
      const auto one_values = this->fetch_reals(one);
      for (std::size_t j = 0; j < static_cast<std::size_t>(cols); ++j) {
        double largest = 0.0, sum = 0.0;
        for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
          const double value = std::abs(X[i + j * static_cast<std::size_t>(rows)]);
          largest = std::max(largest, value);
          sum += value;
        }
        ASSERT_EQ(inf_values[j], largest);
        ASSERT_NEAR(one_values[j], sum, (static_cast<double>(rows) + 1) * this->unit() * sum);
      }
    }
}

TYPED_TEST(ColumnNormsTest, WeightsMultiplyTheRows) {
  using T = typename TypeParam::Scalar;
  const auto X = this->view(3, 2, {1, -2, 3, -8, 0, 0.5});
  const auto weights = this->reals({0.5, 8, 2});
  for (const NormKind kind : {NormKind::one, NormKind::inf}) {
    const auto norms = this->reals(2, -1);
    this->run(ColumnNorms<T>{.X = X, .norms = norms, .kind = kind, .weights = weights});
    EXPECT_EQ(this->fetch_reals(norms), kind == NormKind::one ? (std::vector<double>{22.5, 5})
                                                              : (std::vector<double>{16, 4}));
  }
  EXPECT_TRUE(holds(
      this->refusal_of(ColumnNorms<T>{.X = X, .norms = this->reals(2), .weights = this->reals(2)}),
      {"ColumnNorms", "weights has 2 elements", "3 rows"}));
}

TYPED_TEST(ColumnNormsTest, NanMakesBothNormsOfItsColumnNan) {
  using T = typename TypeParam::Scalar;
  for (const NormKind kind : {NormKind::one, NormKind::inf}) {
    const auto norms = this->reals(3);
    this->run(ColumnNorms<T>{
        .X = this->view(2, 3, {1, 2, k_nan, 5, 3, 4}), .norms = norms, .kind = kind});
    const auto values = this->fetch_reals(norms);
    EXPECT_TRUE(std::isnan(values[1]));
    EXPECT_EQ(values[0], kind == NormKind::one ? 3.0 : 2.0);
    EXPECT_EQ(values[2], kind == NormKind::one ? 7.0 : 4.0);
  }
}

}  // namespace
}  // namespace idl::test
