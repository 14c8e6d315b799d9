// SPDX-License-Identifier: MIT
#include "tests/kernels/sparse.hpp"

namespace idl::test {
namespace {

template <class C>
class SddmmTest : public SparseTest<C> {};
TYPED_TEST_SUITE(SddmmTest, AllCases, CaseNames);

TYPED_TEST(SddmmTest, GivesTheOuterProductAtThePattern) {
  using T = typename TypeParam::Scalar;
  const index_t r = 33, k = 31, m = 7;
  const auto pattern = this->sparse_values(r, k);
  std::vector<double> V(static_cast<std::size_t>(r * m));
  std::vector<double> X(static_cast<std::size_t>(k * m));
  for (double& value : V) value = static_cast<double>(this->random_.integer(-4, 4));
  for (double& value : X) value = static_cast<double>(this->random_.integer(-4, 4));
  const CsrView<T> P = this->to_csr(r, k, pattern);
  this->run(Sddmm<T>{.V = this->view(r, m, V), .X = this->view(k, m, X), .P = P});
  const auto dense = this->view(r, k, k_nan);
  this->run(CsrToDense<T>{.P = this->read_only(P), .A = dense});
  const auto values = this->fetch_double(dense);
  for (std::size_t j = 0; j < 31; ++j)
    for (std::size_t i = 0; i < 33; ++i) {
      double sum = 0.0;
      for (std::size_t l = 0; l < 7; ++l) sum += V[i + l * 33] * X[j + l * 31];
      ASSERT_EQ(values[i + j * 33], pattern[i + j * 33] == 0.0 ? 0.0 : sum);
    }
}

}  // namespace
}  // namespace idl::test
