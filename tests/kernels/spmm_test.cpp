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

}  // namespace
}  // namespace idl::test
