// SPDX-License-Identifier: MIT
#include "tests/kernels/sparse.hpp"

namespace idl::test {
namespace {

template <class C>
class SpmmTest : public SparseTest<C> {};
TYPED_TEST_SUITE(SpmmTest, AllCases, CaseNames);

TYPED_TEST(SpmmTest, IntegersAreExactForBothTranspositions) {
  using T = typename TypeParam::Scalar;
  for (const bool transposed : {false, true})
    for (const index_t r : {1, 31, 100})
      for (const index_t k : {1, 33})
        for (const index_t m : {1, 33}) {
          const index_t rows = transposed ? k : r, cols = transposed ? r : k;
          const auto A = this->sparse_values(rows, cols);
          std::vector<double> B(static_cast<std::size_t>(k * m));
          for (double& value : B) value = static_cast<double>(this->random_.integer(-4, 4));
          const auto C = this->view(r, m, 1.0);
          this->run(Spmm<T>{.A = this->read_only(this->to_csr(rows, cols, A)),
                            .B = this->view(k, m, B),
                            .C = C,
                            .transpose_A = transposed,
                            .beta = T(2)});
          const auto values = this->fetch_double(C);
          for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j)
            for (std::size_t i = 0; i < static_cast<std::size_t>(r); ++i) {
              double sum = 2.0;
              for (std::size_t l = 0; l < static_cast<std::size_t>(k); ++l) {
                const std::size_t e = transposed ? l + i * static_cast<std::size_t>(k)
                                                 : i + l * static_cast<std::size_t>(r);
                sum += A[e] * B[l + j * static_cast<std::size_t>(k)];
              }
              ASSERT_EQ(values[i + j * static_cast<std::size_t>(r)], sum);
            }
        }
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(SpmmTest, ZeroBetaDoesNotReadC) {
  using T = typename TypeParam::Scalar;
  const auto C = this->view(2, 1, k_nan);
  this->run(Spmm<T>{.A = this->read_only(this->to_csr(2, 2, {1, 0, 0, 2})),
                    .B = this->view(2, 1, {3, 4}),
                    .C = C});
  EXPECT_EQ(this->fetch_double(C), (std::vector<double>{3, 8}));
}

/// Among them numbers of columns that fill no cache line, one and some.
TYPED_TEST(SpmmTest, AColumnHasTheSameBitsAloneAndBesideOthersThatHoldNaN) {
  using T = typename TypeParam::Scalar;
  const index_t r = 67, k = 45;
  std::vector<double> A = this->sparse_values(r, k);
  for (std::size_t l = 0; l < 45; ++l) A[l * 67] = 1.0;  // a row in which nothing is zero
  for (double& value : A) value *= this->random_.uniform(-1.0, 1.0);
  const auto csr = this->read_only(this->to_csr(r, k, A));
  for (const index_t m : {0, 1, 2, 5, 31, 33, 70}) {
    std::vector<double> B = this->random_.uniforms(k * m, -1.0, 1.0);
    for (std::size_t l = 0; m > 1 && l < 45; ++l) B[l] = k_nan;
    const auto B_view = this->view(k, m, B);
    const auto C = this->view(r, m, 0.0);
    this->run(Spmm<T>{.A = csr, .B = B_view, .C = C});
    const auto together = this->fetch_double(C);
    for (index_t j = m > 1 ? 1 : 0; j < m; ++j) {
      const auto alone = this->view(r, 1, 0.0);
      this->run(Spmm<T>{.A = csr, .B = B_view.columns(j, 1), .C = alone});
      const auto values = this->fetch_double(alone);
      for (std::size_t i = 0; i < 67; ++i) {
        ASSERT_EQ(values[i], together[i + static_cast<std::size_t>(j) * 67]) << m << " columns";
        double sum = 0.0;
        for (std::size_t l = 0; l < 45; ++l)
          sum += static_cast<double>(static_cast<T>(A[i + l * 67])) *
                 static_cast<double>(static_cast<T>(B[l + static_cast<std::size_t>(j) * 45]));
        // 45 terms below 9, each sum rounded once.
        ASSERT_NEAR(values[i], sum, 45 * 45 * 9 * this->unit());
      }
    }
  }
  EXPECT_TRUE(this->frames_untouched());
}

}  // namespace
}  // namespace idl::test
