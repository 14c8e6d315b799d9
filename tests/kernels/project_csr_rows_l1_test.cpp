// SPDX-License-Identifier: MIT
#include "tests/kernels/l1_oracle.hpp"
#include "tests/kernels/sparse.hpp"

namespace idl::test {
namespace {

/// Rows of values, of any lengths.
using Rows = std::vector<std::vector<double>>;

template <class C>
class ProjectCsrRowsL1Test : public SparseTest<C> {
 protected:
  using Element = typename C::Scalar;

  /// The entries of row i lie in every second column from i % 2 on: no projection looks at
  /// them.
  CsrView<Element> csr(const Rows& rows) {
    std::vector<std::int64_t> offsets = {0};
    std::vector<std::int32_t> columns;
    std::vector<double> values;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t e = 0; e < rows[i].size(); ++e)
        columns.push_back(static_cast<std::int32_t>(2 * e + i % 2));
      values.insert(values.end(), rows[i].begin(), rows[i].end());
      offsets.push_back(static_cast<std::int64_t>(values.size()));
    }
    const auto nnz = static_cast<index_t>(values.size());
    columns.push_back(0);  // never empty, so that there is memory
    values.push_back(77);
    return {.row_offsets = this->vector(offsets).data,
            .col_indices = this->vector(columns).data,
            .values = this->reals(values).data,
            .rows = static_cast<index_t>(rows.size()),
            .cols = 400000,
            .capacity = nnz,
            .device = this->device()};
  }
  Rows fetch_rows(const CsrView<Element>& A, const Rows& like) {
    const auto values = this->fetch_reals({A.values, A.capacity + 1, A.device});
    EXPECT_EQ(values.back(), 77);  // what follows the entries
    Rows rows;
    auto next = values.begin();
    for (const auto& row : like) {
      const auto end = next + static_cast<std::ptrdiff_t>(row.size());
      rows.emplace_back(next, end);
      next = end;
    }
    return rows;
  }
  Rows project(const Rows& rows, double radius, double threshold = 0) {
    const CsrView<Element> A = csr(rows);
    zeros_ = this->vector(std::vector<std::int32_t>(rows.size(), -1));
    this->run(ProjectCsrRowsL1<Element>{.A = A,
                                        .radius = static_cast<Element>(radius),
                                        .zeros = zeros_,
                                        .threshold = static_cast<Element>(threshold)});
    return fetch_rows(A, rows);
  }
  Rows random_rows(const std::vector<index_t>& lengths, double size) {
    Rows rows;
    for (const index_t length : lengths)
      rows.push_back(this->rounded(this->random_.uniforms(length, -size, size)));
    return rows;
  }
  static double tolerance(std::size_t entries) {  // as in project_rows_l1_test.cpp
    return (static_cast<double>(entries) + 32) * KernelTest<C>::unit();
  }
  VectorView<std::int32_t> zeros_;
};
TYPED_TEST_SUITE(ProjectCsrRowsL1Test, AllCases, CaseNames);

testing::AssertionResult same_bits(const Rows& a, const Rows& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (const auto same = test::same_bits(a[i], b[i]); !same)
      return testing::AssertionFailure() << "row " << i << ": " << same.message();
  return testing::AssertionSuccess();
}

double sum_of_magnitudes(const std::vector<double>& row) {
  double sum = 0.0;
  for (const double value : row) sum += std::abs(value);
  return sum;
}

TYPED_TEST(ProjectCsrRowsL1Test, RowsInsideAndOnTheBallKeepTheirBits) {
  const Rows rows = {{0.25, -0.25, 0.125}, {}, {-0.0, 0.5, 0.0, 0.5}, {1.0}, {0}};
  EXPECT_TRUE(same_bits(this->project(rows, 1.0), rows));
  EXPECT_EQ(this->fetch_vector(this->zeros_), (std::vector<std::int32_t>{0, 0, 2, 0, 1}));
}

TYPED_TEST(ProjectCsrRowsL1Test, NeedsNoColumns) {
  using T = typename TypeParam::Scalar;
  const Rows rows = this->random_rows({33, 0, 1, 400}, 1);
  CsrView<T> A = this->csr(rows);
  A.col_indices = nullptr;
  this->run(ProjectCsrRowsL1<T>{.A = A, .radius = T(0.75)});
  EXPECT_TRUE(same_bits(this->fetch_rows(A, rows), this->project(rows, 0.75)));
}

TYPED_TEST(ProjectCsrRowsL1Test, AgreesWithSortingForRowsOfAllLengths) {
  const std::vector<index_t> lengths = {0,  1,  2, 31,  32,   33, 0,  64,  65,
                                        96, 97, 1, 257, 1000, 5,  31, 1500};
  for (const double radius : {0.5, 0.95, 3.0}) {
    const Rows rows = this->random_rows(lengths, 1);
    const Rows projected = this->project(rows, this->rounded({radius})[0]);
    const auto zeros = this->fetch_vector(this->zeros_);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto expected = by_sorting(rows[i], this->rounded({radius})[0]);
      for (std::size_t e = 0; e < rows[i].size(); ++e)
        ASSERT_NEAR(projected[i][e], expected[e], this->tolerance(rows[i].size())) << i;
      ASSERT_LE(sum_of_magnitudes(projected[i]), this->rounded({radius})[0]);
      ASSERT_EQ(std::count(projected[i].begin(), projected[i].end(), 0.0), zeros[i]);
    }
  }
}

TYPED_TEST(ProjectCsrRowsL1Test, ProjectingTwiceChangesNoBitInAnyOrderOfSummation) {
  const Rows once = this->project(this->random_rows({1, 7, 31, 32, 33, 100, 257, 1000}, 2), 0.95);
  EXPECT_TRUE(same_bits(this->project(once, 0.95), once));
  const auto limit = this->rounded({0.95})[0];
  Rows backward = once;
  for (auto& row : backward) {
    std::reverse(row.begin(), row.end());
    EXPECT_LE(sum_of_magnitudes(row), limit);
  }
  EXPECT_TRUE(same_bits(this->project(backward, 0.95), backward));
}

TYPED_TEST(ProjectCsrRowsL1Test, RowsHaveTheSameBitsAloneAndAmongOthers) {
  const Rows rows = this->random_rows({33, 100, 5, 257}, 1);
  const Rows together = this->project(rows, 0.5);
  for (std::size_t i = 0; i < rows.size(); ++i)
    EXPECT_TRUE(test::same_bits(this->project({rows[i]}, 0.5)[0], together[i])) << i;
}

TYPED_TEST(ProjectCsrRowsL1Test, LeavesTheDenseProjectionFeasible) {
  using T = typename TypeParam::Scalar;
  const index_t rows = 40, cols = 300;
  const auto A = this->view(rows, cols, this->random_.uniforms(rows * cols, -1, 1));
  this->run(ProjectRowsL1<T>{.A = A, .radius = T(0.95)});
  const auto dense = this->fetch_double(A);
  const CsrView<T> P = this->to_csr(rows, cols, dense);
  this->run(ProjectCsrRowsL1<T>{.A = P, .radius = T(0.95)});
  const auto back = this->view(rows, cols, k_nan);
  this->run(CsrToDense<T>{.P = this->read_only(P), .A = back});
  EXPECT_EQ(this->fetch_double(back), dense);
}

TYPED_TEST(ProjectCsrRowsL1Test, LongRows) {
  const Rows rows = this->random_rows({3, 100000, 1}, 1);
  const Rows projected = this->project(rows, 0.75);
  const auto expected = by_sorting(rows[1], 0.75);
  for (std::size_t e = 0; e < rows[1].size(); ++e) ASSERT_NEAR(projected[1][e], expected[e], 1e-7);
  EXPECT_LE(sum_of_magnitudes(projected[1]), 0.75);
  EXPECT_GT(sum_of_magnitudes(projected[1]), 0.75 * (1 - 1e-5));
}

TYPED_TEST(ProjectCsrRowsL1Test, RowsThatAreNotFiniteStayAndHarmNoOther) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double threshold : {0.0, 0.25}) {
    const Rows rows = {{3, k_nan, 1}, {2, 2}, {-infinity, 5}, {0.5}};
    const Rows projected = this->project(rows, 1.0, threshold);
    EXPECT_TRUE(test::same_bits(projected[0], rows[0]));
    EXPECT_TRUE(test::same_bits(projected[2], rows[2]));
    EXPECT_NEAR(projected[1][0], 0.5, this->tolerance(2));
    EXPECT_EQ(projected[3][0], 0.5 - threshold);
  }
}

TYPED_TEST(ProjectCsrRowsL1Test, WithAThresholdItProjectsWhatHasShrunk) {
  for (const double threshold : {0.001, 0.05, 0.4, 2.0}) {
    Rows rows = this->random_rows({0, 1, 7, 31, 33, 100, 1000, 7, 33, 100}, 1);
    for (std::size_t i = 7; i < rows.size(); ++i)  // these end inside
      for (double& value : rows[i]) value = this->rounded({value / 100})[0];
    const double lambda = this->rounded({threshold})[0];
    const double radius = this->rounded({0.7})[0];
    const Rows x = this->project(rows, radius, lambda);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto expected = prox_by_sorting(rows[i], radius, lambda);
      for (std::size_t e = 0; e < rows[i].size(); ++e)
        ASSERT_NEAR(x[i][e], expected[e], this->tolerance(rows[i].size())) << i;
    }
    EXPECT_TRUE(same_bits(this->project(x, radius), x));
  }
}

TYPED_TEST(ProjectCsrRowsL1Test, TakesTheThresholdFromTheDevice) {
  using T = typename TypeParam::Scalar;
  const CsrView<T> A = this->csr({{0.5, -0.375}});
  this->run(ProjectCsrRowsL1<T>{
      .A = A, .radius = T(1), .threshold = T(9), .schedule = this->reals(1, 0.25)});
  EXPECT_EQ(this->fetch_rows(A, {{0, 0}})[0], (std::vector<double>{0.25, -0.125}));
}

TYPED_TEST(ProjectCsrRowsL1Test, WithoutRowsOrEntriesDoesNothing) {
  EXPECT_EQ(this->project({}, 0.5).size(), 0U);
  EXPECT_EQ(this->project({{}, {}, {}}, 0.5), (Rows{{}, {}, {}}));
  EXPECT_EQ(this->fetch_vector(this->zeros_), (std::vector<std::int32_t>{0, 0, 0}));
}

TYPED_TEST(ProjectCsrRowsL1Test, RefusesWrongSizesAndNumbers) {
  using T = typename TypeParam::Scalar;
  const CsrView<T> A = this->csr({{1}, {2}});
  const auto zeros = this->vector(std::vector<std::int32_t>(3));
  EXPECT_TRUE(holds(this->refusal_of(ProjectCsrRowsL1<T>{.A = A, .radius = T(1), .zeros = zeros}),
                    {"ProjectCsrRowsL1", "zeros has 3", "A has 2"}));
  EXPECT_TRUE(
      holds(this->refusal_of(ProjectCsrRowsL1<T>{.A = A, .radius = T(-1)}), {"radius is -1"}));
  EXPECT_TRUE(
      holds(this->refusal_of(ProjectCsrRowsL1<T>{.A = A, .radius = T(1), .threshold = T(k_nan)}),
            {"threshold is"}));
}

}  // namespace
}  // namespace idl::test
