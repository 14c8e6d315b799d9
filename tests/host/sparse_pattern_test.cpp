// SPDX-License-Identifier: MIT
#include "host/sparse/sparse_pattern.hpp"

#include <gtest/gtest.h>

#include "host/backend_of.hpp"
#include "kernels/backend.hpp"
#include "tests/host/device_test.hpp"

namespace idl::test {
namespace {

using Offsets = std::vector<std::int64_t>;
using Columns = std::vector<std::int32_t>;

template <class C>
class SparsePatternTest : public DeviceTest<C> {
 protected:
  /// [a b 0 0; 0 0 0 0; c 0 0 d]
  SparsePattern small() {
    return SparsePattern(this->context(), 3, 4, Offsets{0, 2, 2, 4}, Columns{0, 1, 0, 3});
  }
};
TYPED_TEST_SUITE(SparsePatternTest, AllCases, CaseNames);

TYPED_TEST(SparsePatternTest, ShowsValuesInTheOrderOfEitherSide) {
  using T = typename TypeParam::Scalar;
  const SparsePattern pattern = this->small().clone(this->context());
  EXPECT_EQ(pattern.longest_row(), 2);
  EXPECT_EQ(pattern.nnz(), 4);
  EXPECT_EQ(download<std::int64_t>(this->context(), pattern.permutation()), (Offsets{0, 2, 1, 3}));
  auto values = Vector<T>::from_host(this->context(), std::vector<T>{1, 2, 3, 4});
  const CsrArrays<T> A = download<T>(this->context(), pattern.with(values.data()));
  EXPECT_EQ(A.row_offsets, (Offsets{0, 2, 2, 4}));
  EXPECT_EQ(A.col_indices, (Columns{0, 1, 0, 3}));
  EXPECT_EQ(A.values, (std::vector<T>{1, 2, 3, 4}));
  const CsrArrays<T> transposed = download<T>(this->context(), pattern.transposed(values.data()));
  EXPECT_EQ(transposed.rows, 4);
  EXPECT_EQ(transposed.cols, 3);
  EXPECT_EQ(transposed.row_offsets, (Offsets{0, 2, 3, 3, 4}));
  EXPECT_EQ(transposed.col_indices, (Columns{0, 2, 0, 2}));
}

TYPED_TEST(SparsePatternTest, MakesTheMapOfBothProducts) {
  using T = typename TypeParam::Scalar;
  const SparsePattern pattern = this->small();
  const auto values = Vector<T>::from_host(this->context(), std::vector<T>{1, 2, 3, 4});
  const auto transposed = Vector<T>::from_host(this->context(), std::vector<T>{1, 3, 2, 4});
  const LinearMap<T> map = pattern.map(values.data(), transposed.data());
  EXPECT_EQ(terms_per_row(map), 2);
  const Matrix<T> X = this->matrix(4, 1, {1, 10, 100, 1000});
  Matrix<T> Y(this->context(), 3, 1);
  backend_of(this->context())->run_in_order(product_steps<T>(map, X, Y));
  EXPECT_EQ(this->fetch_double(Y), (std::vector<double>{21, 0, 4003}));
  const Matrix<T> V = this->matrix(3, 1, {1, 10, 100});
  Matrix<T> W(this->context(), 4, 1);
  backend_of(this->context())->run_in_order(product_steps<T>(map, V, W, {.transpose = true}));
  EXPECT_EQ(this->fetch_double(W), (std::vector<double>{301, 2, 0, 400}));
}

TYPED_TEST(SparsePatternTest, WritesAtItsEntries) {
  using T = typename TypeParam::Scalar;
  const SparsePattern pattern = this->small();
  Vector<T> values(this->context(), 4);
  const Matrix<T> V = this->matrix(3, 1, {2, 3, 5});
  const Matrix<T> X = this->matrix(4, 1, {1, 10, 100, 1000});
  backend_of(this->context())->run(Sddmm<T>{.V = V, .X = X, .P = pattern.writable(values.data())});
  EXPECT_EQ(download(this->context(), values), (std::vector<T>{2, 20, 5, 5000}));
}

TYPED_TEST(SparsePatternTest, WithoutRowsColumnsOrEntriesIsFine) {
  for (const auto& [rows, cols] : {std::pair<index_t, index_t>{0, 0}, {0, 5}, {5, 0}, {2, 3}}) {
    const SparsePattern pattern(this->context(), rows, cols,
                                Offsets(static_cast<std::size_t>(rows + 1), 0), Columns{});
    EXPECT_EQ(pattern.longest_row(), 0);
    EXPECT_EQ(pattern.permutation().size, 0);
  }
}

TYPED_TEST(SparsePatternTest, RefusesArraysThatAreNoCompressedRows) {
  const std::string text = text_of<InvalidArgument>([&] {
    SparsePattern(this->context(), 1, 4, Offsets{0, 2}, Columns{1, 1});
  });
  EXPECT_TRUE(holds(text, {"SparsePattern: A.col_indices[1], in row 0, is 1 for the second time"}));
}

TEST(SparsePatternOfEitherShape, KnowsTheLongestRowOfBothSides) {
  Context cpu(Device::cpu());
  EXPECT_EQ(SparsePattern(cpu, 3, 2, Offsets{0, 1, 2, 3}, Columns{1, 1, 1}).longest_row(), 3);
  EXPECT_EQ(SparsePattern(cpu, 2, 3, Offsets{0, 0, 3}, Columns{0, 1, 2}).longest_row(), 3);
}

}  // namespace
}  // namespace idl::test
