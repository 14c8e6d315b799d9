// SPDX-License-Identifier: MIT
#include "tests/kernels/sparse.hpp"

namespace idl::test {
namespace {

template <class C>
class SampleSpmmTest : public SparseTest<C> {};
TYPED_TEST_SUITE(SampleSpmmTest, AllCases, CaseNames);

TYPED_TEST(SampleSpmmTest, IntegersAreExactAndWhatCHeldIsNotRead) {
  using T = typename TypeParam::Scalar;
  for (const index_t n : {0, 1, 31, 100})
    for (const index_t k : {1, 33})
      for (const index_t m : {0, 1, 33, 70}) {
        const auto A = this->sparse_values(n, k);
        std::vector<double> B(static_cast<std::size_t>(m * k));
        for (double& value : B) value = static_cast<double>(this->random_.integer(-4, 4));
        const auto C = this->view(m, n, k_nan);
        this->run(SampleSpmm<T>{
            .A = this->read_only(this->to_csr(n, k, A)), .B = this->view(m, k, B), .C = C});
        const auto got = this->fetch_double(C);
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
          for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
            double sum = 0.0;
            for (std::size_t l = 0; l < static_cast<std::size_t>(k); ++l)
              sum +=
                  A[i + l * static_cast<std::size_t>(n)] * B[j + l * static_cast<std::size_t>(m)];
            ASSERT_EQ(got[j + i * static_cast<std::size_t>(m)], sum);
          }
      }
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(SampleSpmmTest, NoEntriesMakeZeros) {
  using T = typename TypeParam::Scalar;
  const auto C = this->view(3, 2, k_nan);
  this->run(SampleSpmm<T>{
      .A = this->read_only(this->to_csr(2, 2, {0, 0, 0, 0})), .B = this->view(3, 2, 1.0), .C = C});
  EXPECT_EQ(this->fetch_double(C), std::vector<double>(6, 0.0));
}

TYPED_TEST(SampleSpmmTest, ProgramsTakeTheValuesOfTheLaunchAndRepeatTheirBits) {
  using T = typename TypeParam::Scalar;
  const auto A = this->to_csr(2, 2, {1, 0, 3, 2});
  const auto C = this->view(1, 2);
  const auto program = backend_of(this->context())
                           ->compile({SampleSpmm<T>{
                               .A = this->read_only(A), .B = this->view(1, 2, {5, 7}), .C = C}});
  for (int launch = 0; launch < 2; ++launch) {
    program->launch();
    EXPECT_EQ(this->fetch_double(C), (std::vector<double>{26, 14}));
  }
  upload<T>(this->context(), std::vector<T>{10, 30, 20},
            VectorView<T>{A.values, 3, this->device()});
  program->launch();
  EXPECT_EQ(this->fetch_double(C), (std::vector<double>{260, 140}));
}

TYPED_TEST(SampleSpmmTest, RefusesOtherShapes) {
  using T = typename TypeParam::Scalar;
  const auto A = this->read_only(this->to_csr(2, 3, {1, 2, 3, 4, 5, 6}));
  const auto B = this->view(4, 3);
  EXPECT_TRUE(
      holds(this->refusal_of(SampleSpmm<T>{.A = A, .B = this->view(4, 2), .C = this->view(4, 2)}),
            {"SampleSpmm", "B has 2 columns", "A has 3 columns"}));
  EXPECT_TRUE(holds(this->refusal_of(SampleSpmm<T>{.A = A, .B = B, .C = this->view(4, 3)}),
                    {"SampleSpmm", "C has 3 columns", "A has 2 rows"}));
  EXPECT_TRUE(holds(this->refusal_of(SampleSpmm<T>{.A = A, .B = B, .C = this->view(5, 2)}),
                    {"SampleSpmm", "C has 5 rows", "B has 4 rows"}));
}

}  // namespace
}  // namespace idl::test
