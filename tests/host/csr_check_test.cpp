// SPDX-License-Identifier: MIT
#include "kernels/base/csr_check.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "tests/host/device_test.hpp"

namespace idl::test {
namespace {

template <class Offset, class Column>
struct IndexTypes {
  using OffsetType = Offset;
  using ColumnType = Column;
};

template <class Types>
class CsrCheck : public testing::Test {
 protected:
  /// Of arrays with as many values as columns.
  static std::string fault(index_t rows, index_t cols,
                           const std::vector<typename Types::OffsetType>& offsets,
                           const std::vector<typename Types::ColumnType>& columns) {
    return fault(rows, cols, offsets, columns, columns.size());
  }
  static std::string fault(index_t rows, index_t cols,
                           const std::vector<typename Types::OffsetType>& offsets,
                           const std::vector<typename Types::ColumnType>& columns,
                           std::uint64_t values) {
    return csr_fault(csr_names("A"), rows, cols, std::span(offsets), std::span(columns), values);
  }
};
using AllIndexTypes =
    testing::Types<IndexTypes<std::int32_t, std::int32_t>, IndexTypes<std::int32_t, std::int64_t>,
                   IndexTypes<std::int64_t, std::int32_t>, IndexTypes<std::int64_t, std::int64_t>>;
TYPED_TEST_SUITE(CsrCheck, AllIndexTypes);

TYPED_TEST(CsrCheck, FindsNoFaultInMatricesWithEmptyRowsAndWithoutEntriesRowsOrColumns) {
  EXPECT_EQ(this->fault(3, 4, {0, 2, 2, 3}, {1, 3, 0}), "");
  EXPECT_EQ(this->fault(2, 5, {0, 0, 0}, {}), "");
  EXPECT_EQ(this->fault(0, 5, {0}, {}), "");
  EXPECT_EQ(this->fault(1, 0, {0, 0}, {}), "");
  EXPECT_EQ(this->fault(1, std::numeric_limits<std::int32_t>::max(), {0, 1}, {2147483646}), "");
}

TYPED_TEST(CsrCheck, NamesArrayPlaceAndValuesOfWrongOffsets) {
  EXPECT_EQ(this->fault(3, 4, {0, 1, 1}, {1}),
            "A.row_offsets has 3 elements, expected one more than the 3 rows");
  EXPECT_EQ(this->fault(0, 4, {}, {}),
            "A.row_offsets has 0 elements, expected one more than the 0 rows");
  EXPECT_EQ(this->fault(1, 4, {1, 2}, {0, 1}), "A.row_offsets[0] is 1, expected 0");
  EXPECT_EQ(this->fault(3, 4, {0, 2, 1, 3}, {0, 1, 0}), "A.row_offsets falls from 2 to 1 at row 1");
  EXPECT_EQ(this->fault(1, 4, {0, -1}, {}), "A.row_offsets falls from 0 to -1 at row 0");
  EXPECT_EQ(this->fault(2, 4, {0, 1, 5}, {0, 1}),
            "A.row_offsets ends with 5, but A.col_indices has 2 elements");
  EXPECT_EQ(this->fault(2, 4, {0, 1, 1}, {0, 1}),
            "A.row_offsets ends with 1, but A.col_indices has 2 elements");
  EXPECT_EQ(this->fault(1, 4, {0, 2}, {0, 1}, 3), "A.values has 3 elements, A.col_indices has 2");
}

TYPED_TEST(CsrCheck, NamesRowEntryAndValuesOfWrongColumns) {
  EXPECT_EQ(this->fault(2, 4, {0, 1, 3}, {0, 1, 4}),
            "A.col_indices[2], in row 1, is 4, expected a column of A in [0, 4)");
  EXPECT_EQ(this->fault(2, 4, {0, 1, 3}, {-1, 1, 2}),
            "A.col_indices[0], in row 0, is -1, expected a column of A in [0, 4)");
  EXPECT_EQ(this->fault(2, 4, {0, 0, 3}, {0, 2, 2}),
            "A.col_indices[2], in row 1, is 2 for the second time");
  EXPECT_EQ(this->fault(2, 4, {0, 1, 3}, {0, 2, 1}),
            "A.col_indices[2], in row 1, is 1 after 2, expected ascending columns");
  EXPECT_EQ(this->fault(2, 4, {0, 1, 2}, {3, 0}), "");  // each row begins anew
}

TYPED_TEST(CsrCheck, RefusesShapesThatAreNone) {
  EXPECT_EQ(this->fault(-1, 4, {0}, {}), "A is -1x4");
  EXPECT_EQ(this->fault(1, -4, {0, 0}, {}), "A is 1x-4");
  EXPECT_EQ(this->fault(1, index_t(1) << 31, {0, 0}, {}),
            "A has 2147483648 columns, more than 32-bit indices can tell apart");
  EXPECT_EQ(this->fault(std::numeric_limits<index_t>::max(), 4, {0, 0}, {}),
            "A.row_offsets has 2 elements, expected one more than the 9223372036854775807 rows");
}

TEST(CsrColumns, ThatOnly64BitsHoldAreOutOfRange) {
  const std::vector<std::int64_t> offsets = {0, 1};
  const std::vector<std::int64_t> columns = {index_t(1) << 32};
  const std::string text = text_of<InvalidArgument>(
      [&] { check_csr("read", csr_names("C"), 1, 4, std::span(offsets), std::span(columns), 1); });
  EXPECT_EQ(text,
            "read: C.col_indices[0], in row 0, is 4294967296, expected a column of C in [0, 4)");
}

}  // namespace
}  // namespace idl::test
