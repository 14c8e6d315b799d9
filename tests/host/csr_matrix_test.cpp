// SPDX-License-Identifier: MIT
#include "idl/csr_matrix.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <type_traits>

#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

using Offsets = std::vector<std::int64_t>;
using Columns = std::vector<std::int32_t>;

template <class C>
class CsrMatrixTest : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;
  using Values = std::vector<Scalar>;

  /// [0 1 0 2; 0 0 0 0; 3 0 4 5]
  CsrMatrix<Scalar> small() {
    return CsrMatrix<Scalar>(this->context(), 3, 4, Offsets{0, 2, 2, 5}, Columns{1, 3, 0, 2, 3},
                             Values{1, 2, 3, 4, 5});
  }
  void expect(const CsrArrays<Scalar>& arrays, index_t rows, index_t cols, const Offsets& offsets,
              const Columns& columns, const Values& values) {
    EXPECT_EQ(arrays.rows, rows);
    EXPECT_EQ(arrays.cols, cols);
    EXPECT_EQ(arrays.row_offsets, offsets);
    EXPECT_EQ(arrays.col_indices, columns);
    EXPECT_EQ(arrays.values, values);
  }
  CsrArrays<Scalar> fetch_csr(const CsrMatrix<Scalar>& A) { return download(this->context(), A); }
};
TYPED_TEST_SUITE(CsrMatrixTest, AllCases, CaseNames);

TYPED_TEST(CsrMatrixTest, GivesBackTheArraysOfWhichItWasMade) {
  using T = typename TypeParam::Scalar;
  const CsrMatrix<T> A = this->small();
  EXPECT_EQ(A.rows(), 3);
  EXPECT_EQ(A.cols(), 4);
  EXPECT_EQ(A.nnz(), 5);
  EXPECT_EQ(A.device(), this->device());
  const CsrArrays<T> arrays = this->fetch_csr(A);
  this->expect(arrays, 3, 4, {0, 2, 2, 5}, {1, 3, 0, 2, 3}, {1, 2, 3, 4, 5});
  this->expect(this->fetch_csr(CsrMatrix<T>(this->context(), arrays)), 3, 4, {0, 2, 2, 5},
               {1, 3, 0, 2, 3}, {1, 2, 3, 4, 5});
}

TYPED_TEST(CsrMatrixTest, WithoutRowsColumnsOrEntriesIsFine) {
  using T = typename TypeParam::Scalar;
  for (const auto& [rows, cols] : {std::pair<index_t, index_t>{0, 0}, {0, 5}, {5, 0}, {2, 3}}) {
    const Offsets offsets(static_cast<std::size_t>(rows + 1), 0);
    const CsrMatrix<T> A(this->context(), rows, cols, offsets, {}, {});
    EXPECT_EQ(A.nnz(), 0);
    this->expect(this->fetch_csr(A), rows, cols, offsets, {}, {});
    this->expect(this->fetch_csr(A.clone(this->context())), rows, cols, offsets, {}, {});
    this->expect(this->fetch_csr(A.transposed(this->context())), cols, rows,
                 Offsets(static_cast<std::size_t>(cols + 1), 0), {}, {});
    const Matrix<T> zeros = Matrix<T>::zeros(this->context(), rows, cols);
    this->expect(this->fetch_csr(CsrMatrix<T>::from_dense(this->context(), zeros)), rows, cols,
                 offsets, {}, {});
  }
}

TYPED_TEST(CsrMatrixTest, HasValuesThatMayBeChanged) {
  using T = typename TypeParam::Scalar;
  CsrMatrix<T> A = this->small();
  upload<T>(this->context(), std::vector<T>{0, -1}, A.values().range(1, 2));
  this->expect(this->fetch_csr(A), 3, 4, {0, 2, 2, 5}, {1, 3, 0, 2, 3}, {1, 0, -1, 4, 5});
}

TYPED_TEST(CsrMatrixTest, GivesArraysOfARangeOfRowsThatBeginAtZero) {
  using T = typename TypeParam::Scalar;
  const CsrMatrix<T> A = this->small();
  this->expect(download<T>(this->context(), A.view().row_range(1, 2)), 2, 4, {0, 0, 3}, {0, 2, 3},
               {3, 4, 5});
  this->expect(download<T>(this->context(), A.view().row_range(1, 1)), 1, 4, {0, 0}, {}, {});
  this->expect(download<T>(this->context(), A.view().row_range(3, 0)), 0, 4, {0}, {}, {});
  constexpr index_t k_most = std::numeric_limits<index_t>::max();
  EXPECT_THROW((void)A.view().row_range(2, k_most), InvalidArgument);
  EXPECT_THROW((void)this->small().view().row_range(2, k_most), InvalidArgument);
}

TYPED_TEST(CsrMatrixTest, ArraysThatAreNoneAreNotTransposed) {
  using T = typename TypeParam::Scalar;
  CsrArrays<T> arrays = {
      .rows = 2, .cols = 2, .row_offsets = {0, 5, 6}, .col_indices = {0}, .values = {T(1)}};
  EXPECT_THROW((void)transposed(arrays), InvalidArgument);
  arrays = {.rows = 2, .cols = 2, .row_offsets = {0, 1, 1}, .col_indices = {1}, .values = {T(3)}};
  EXPECT_EQ(transposed(arrays).row_offsets, (std::vector<std::int64_t>{0, 0, 1}));
}

TYPED_TEST(CsrMatrixTest, IsTransposed) {
  using T = typename TypeParam::Scalar;
  const CsrMatrix<T> transposed = this->small().transposed(this->context());
  this->expect(this->fetch_csr(transposed), 4, 3, {0, 1, 2, 3, 5}, {2, 0, 2, 0, 2},
               {3, 1, 4, 2, 5});
  this->expect(this->fetch_csr(transposed.transposed(this->context())), 3, 4, {0, 2, 2, 5},
               {1, 3, 0, 2, 3}, {1, 2, 3, 4, 5});
}

TYPED_TEST(CsrMatrixTest, FromDenseHoldsWhatIsNotZeroAndNan) {
  using T = typename TypeParam::Scalar;
  RandomValues random(3);
  for (const auto& [rows, cols] : {std::pair<index_t, index_t>{1, 1}, {31, 33}, {257, 40}}) {
    std::vector<double> dense = random.uniforms(rows * cols, -1, 1);
    for (double& value : dense)
      if (random.unit() < 0.7) value = 0.0;
    dense[0] = -0.0;
    const Matrix<T> A = this->matrix(rows, cols, dense);
    const CsrArrays<T> arrays = this->fetch_csr(CsrMatrix<T>::from_dense(this->context(), A));
    std::size_t e = 0;
    for (index_t i = 0; i < rows; ++i) {
      ASSERT_EQ(arrays.row_offsets[static_cast<std::size_t>(i)], static_cast<std::int64_t>(e));
      for (index_t j = 0; j < cols; ++j) {
        const T value = static_cast<T>(dense[static_cast<std::size_t>(i + j * rows)]);
        if (value == T(0)) continue;
        ASSERT_LT(e, arrays.values.size());
        ASSERT_EQ(arrays.col_indices[e], j);
        ASSERT_EQ(arrays.values[e++], value);
      }
    }
    EXPECT_EQ(e, arrays.values.size());
  }
  const Matrix<T> A = this->matrix(2, 2, {0, std::nan(""), 1, 0});
  const CsrArrays<T> arrays = this->fetch_csr(CsrMatrix<T>::from_dense(this->context(), A));
  EXPECT_EQ(arrays.row_offsets, (Offsets{0, 1, 2}));
  EXPECT_TRUE(std::isnan(arrays.values[1]));
}

TYPED_TEST(CsrMatrixTest, FromDenseTakesAWindow) {
  using T = typename TypeParam::Scalar;
  const Matrix<T> A = this->matrix(3, 3, {9, 9, 9, 9, 0, 2, 9, 1, 0});
  const auto window = CsrMatrix<T>::from_dense(this->context(), A.view().block(1, 1, 2, 2));
  this->expect(this->fetch_csr(window), 2, 2, {0, 1, 2}, {1, 0}, {1, 2});
}

TYPED_TEST(CsrMatrixTest, IsClonedIntoMemoryOfItsOwnAndToAndFromTheHost) {
  using T = typename TypeParam::Scalar;
  static_assert(!std::is_copy_constructible_v<CsrMatrix<T>>);
  CsrMatrix<T> A = this->small();
  Context cpu(Device::cpu());
  const CsrMatrix<T> here = A.clone(this->context());
  const CsrMatrix<T> there = A.clone(cpu);
  upload<T>(this->context(), std::vector<T>(5, T(0)), A.values());
  this->expect(this->fetch_csr(here), 3, 4, {0, 2, 2, 5}, {1, 3, 0, 2, 3}, {1, 2, 3, 4, 5});
  EXPECT_EQ(there.device(), Device::cpu());
  EXPECT_EQ(download(cpu, there).values, (std::vector<T>{1, 2, 3, 4, 5}));
  this->expect(this->fetch_csr(there.clone(this->context())), 3, 4, {0, 2, 2, 5}, {1, 3, 0, 2, 3},
               {1, 2, 3, 4, 5});
}

TYPED_TEST(CsrMatrixTest, OutlivesItsContextAndMoves) {
  using T = typename TypeParam::Scalar;
  CsrMatrix<T> A;
  {
    Context other(this->device());
    A = CsrMatrix<T>(other, 1, 2, Offsets{0, 1}, Columns{1}, std::vector<T>{7});
  }
  const CsrMatrix<T> B = std::move(A);
  this->expect(this->fetch_csr(B.clone(this->context())), 1, 2, {0, 1}, {1}, {7});
}

TYPED_TEST(CsrMatrixTest, RefusesArraysThatAreNoCompressedRows) {
  using T = typename TypeParam::Scalar;
  const auto refusal = [&](index_t rows, index_t cols, const Offsets& offsets,
                           const Columns& columns, const std::vector<T>& values) {
    return text_of<InvalidArgument>(
        [&] { CsrMatrix<T>(this->context(), rows, cols, offsets, columns, values); });
  };
  EXPECT_TRUE(holds(refusal(2, 3, {0, 1, 3}, {0, 2, 2}, {1, 2, 3}),
                    {"CsrMatrix: A.col_indices[2], in row 1, is 2 for the second time"}));
  EXPECT_TRUE(
      holds(refusal(2, 3, {0, 2, 1}, {0, 2}, {1, 2}), {"A.row_offsets", "2 to 1", "row 1"}));
  EXPECT_TRUE(holds(refusal(1, 3, {0, 2}, {0, 2}, {1}), {"A.values has 1", "A.col_indices has 2"}));
  EXPECT_TRUE(holds(refusal(-1, 3, {0}, {}, {}), {"-1x3"}));
}

TYPED_TEST(CsrMatrixTest, RefusesWhatItCannotReach) {
  using T = typename TypeParam::Scalar;
  const CsrMatrix<T> A = this->small();
  ConstCsrView<T> broken = A.view();
  broken.nnz = 4;
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { (void)download<T>(this->context(), broken); }),
                    {"source.row_offsets", "5", "4"}));
  ConstMatrixView<T> elsewhere = {nullptr, 2, 2, 2, {DeviceKind::cuda, 7}};
  elsewhere.data = A.view().values;
  EXPECT_TRUE(holds(
      text_of<InvalidArgument>([&] { (void)CsrMatrix<T>::from_dense(this->context(), elsewhere); }),
      {"from_dense", "cuda:7"}));
}

}  // namespace
}  // namespace idl::test
