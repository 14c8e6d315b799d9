// SPDX-License-Identifier: MIT
#include "host/backend_of.hpp"
#include "tests/kernels/sparse.hpp"

namespace idl::test {
namespace {

template <class C>
class CsrConversionTest : public SparseTest<C> {
 protected:
  using Element = typename C::Scalar;

  std::int64_t nnz(const DeviceMemory& memory) {
    std::int64_t count = -1;
    backend_of(this->context())
        ->download({.destination = &count,
                    .destination_pitch = sizeof count,
                    .source = memory.data(),
                    .source_pitch = sizeof count,
                    .width = sizeof count});
    return count;
  }
  VectorView<std::int64_t> counter(const DeviceMemory& memory) {
    return {static_cast<std::int64_t*>(memory.data()), 1, this->device()};
  }
};
TYPED_TEST_SUITE(CsrConversionTest, AllCases, CaseNames);

TYPED_TEST(CsrConversionTest, DenseToCsrAndBackGivesTheSameMatrix) {
  using T = typename TypeParam::Scalar;
  for (const index_t rows : {1, 31, 257})
    for (const index_t cols : {1, 33, 100}) {
      const auto A = this->sparse_values(rows, cols);
      const auto expected = static_cast<std::int64_t>(
          std::count_if(A.begin(), A.end(), [](double value) { return value != 0.0; }));
      // A target with room for all, whose content is overwritten.
      const CsrView<T> P =
          this->to_csr(rows, cols, std::vector<double>(static_cast<std::size_t>(rows * cols), 1.0));
      const DeviceMemory count(this->context(), sizeof(std::int64_t));
      this->run(DenseToCsr<T>{.A = this->view(rows, cols, A), .P = P, .nnz = this->counter(count)});
      ASSERT_EQ(this->nnz(count), expected);
      auto filled = this->read_only(P);
      filled.nnz = expected;
      const auto back = this->view(rows, cols, k_nan);
      this->run(CsrToDense<T>{.P = filled, .A = back});
      ASSERT_EQ(this->fetch_double(back), A);
    }
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(CsrConversionTest, KeepsSubnormalEntries) {
  using T = typename TypeParam::Scalar;
  const T least = std::numeric_limits<T>::denorm_min();
  const std::vector<T> entries = {least, T(0), T(-0.0), -least, T(2), T(0)};
  const auto A = Matrix<T>::from_host(this->context(), 2, 3, entries);
  EXPECT_EQ(download(this->context(), CsrMatrix<T>::from_dense(this->context(), A.view())).values,
            (std::vector<T>{least, T(2), -least}));
}

TYPED_TEST(CsrConversionTest, TellsTheNumberOfEntriesWhereTheyDoNotFit) {
  using T = typename TypeParam::Scalar;
  CsrView<T> P = this->to_csr(2, 2, {1, 0, 0, 0});
  const DeviceMemory count(this->context(), sizeof(std::int64_t));
  this->run(
      DenseToCsr<T>{.A = this->view(2, 2, {1, 2, 3, 4}), .P = P, .nnz = this->counter(count)});
  EXPECT_EQ(this->nnz(count), 4);
}

}  // namespace
}  // namespace idl::test
