// SPDX-License-Identifier: MIT
#include "idl/sparsify.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "host/sparsify/prune.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

constexpr ModelShape k_shape{.states = 12, .inputs = 7, .outputs = 3};

template <class C>
class SparsifyTest : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  ImplicitModel<Element> model() { return {this->context(), k_shape, {}, 3}; }
  /// The entries that are stored of a matrix, by row and column.
  std::map<std::pair<index_t, index_t>, double> entries(const ImplicitModel<Element>& sparse,
                                                        const char* matrix) {
    const CsrArrays<Element> arrays = download(this->context(), sparse.csr(matrix));
    std::map<std::pair<index_t, index_t>, double> result;
    for (index_t i = 0; i < arrays.rows; ++i)
      for (auto k = static_cast<std::size_t>(arrays.row_offsets[static_cast<std::size_t>(i)]);
           k < static_cast<std::size_t>(arrays.row_offsets[static_cast<std::size_t>(i) + 1]); ++k)
        result[{i, arrays.col_indices[k]}] = static_cast<double>(arrays.values[k]);
    return result;
  }
};
TYPED_TEST_SUITE(SparsifyTest, AllCases, CaseNames);

TYPED_TEST(SparsifyTest, KeepsTheLargestOfEachMatrixWithTheirValues) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> dense = this->model();
  const auto sparse = sparsify(this->context(), dense, {.density = 0.25});
  const std::pair<const char*, ConstMatrixView<T>> matrices[] = {
      {"A", dense.A()}, {"B", dense.B()}, {"C", dense.C()}, {"D", dense.D()}};
  for (const auto& [name, view] : matrices) {
    const auto all = this->fetch_double(view);
    std::vector<double> sorted;
    for (const double value : all) sorted.push_back(std::abs(value));
    std::ranges::sort(sorted, std::greater<>());
    const auto kept = this->entries(sparse, name);
    const auto expected =
        static_cast<std::size_t>(std::llround(0.25 * static_cast<double>(view.rows * view.cols)));
    ASSERT_EQ(kept.size(), expected) << name;
    for (const auto& [place, value] : kept) {
      EXPECT_EQ(value, all[static_cast<std::size_t>(place.first + place.second * view.rows)]);
      EXPECT_GE(std::abs(value), sorted[expected - 1]);
    }
  }
}

TYPED_TEST(SparsifyTest, KeepsAsManyOfEachRowAndAtLeastOne) {
  const auto sparse = sparsify(
      this->context(), this->model(),
      {.target = SparsifyTarget::state_matrix, .by = SparsifyRule::row_top_k, .density = 0.01});
  EXPECT_TRUE(sparse.is_sparse("A"));
  EXPECT_FALSE(sparse.is_sparse("B"));
  const auto kept = this->entries(sparse, "A");
  ASSERT_EQ(kept.size(), 12u);
  index_t row = 0;
  for (const auto& [place, value] : kept) EXPECT_EQ(place.first, row++);
}

TYPED_TEST(SparsifyTest, ByThresholdEqualMagnitudesStay) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> dense = this->model();
  std::vector<T> M(static_cast<std::size_t>(dense.M().rows * dense.M().cols), T(0));
  M[0] = T(0.25);
  M[1] = T(-0.25);
  M[2] = T(0.125);
  upload<T>(this->context(), M, dense.M());
  const auto sparse =
      sparsify(this->context(), dense, {.by = SparsifyRule::threshold, .threshold = 0.25});
  EXPECT_EQ(sparse.M().rows, 2);
}

TYPED_TEST(SparsifyTest, AtRandomKeepsAsManyAndTheSeedSaysWhich) {
  const auto chosen = [&](std::uint64_t seed) {
    return sparsify(this->context(), this->model(),
                    {.by = SparsifyRule::random, .density = 0.25, .seed = seed});
  };
  const auto A = this->entries(chosen(1), "A");
  EXPECT_EQ(A.size(), 36u);
  EXPECT_EQ(this->entries(chosen(1), "A"), A);
  EXPECT_NE(this->entries(chosen(2), "A"), A);
}

TYPED_TEST(SparsifyTest, OfAStrictlyUpperTriangularModelWhatMayStay) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(this->context(), k_shape,
                               {.well_posedness = WellPosedness::strictly_upper_triangular()}, 3);
  const auto kept = [&](const SparsifyOptions& options) {
    const auto A = this->entries(sparsify(this->context(), model, options), "A");
    for (const auto& [place, value] : A) EXPECT_LT(place.first, place.second);
    return A.size();
  };
  EXPECT_EQ(kept({.density = 0.25}), 36U);
  EXPECT_EQ(kept({.density = 0.9}), 66U);  // all above the diagonal
  EXPECT_EQ(kept({.by = SparsifyRule::row_top_k, .density = 0.01}), 11U);
  EXPECT_EQ(kept({.by = SparsifyRule::threshold, .threshold = 0}), 66U);
  EXPECT_EQ(kept({.by = SparsifyRule::random, .density = 0.3}), 43U);
}

TYPED_TEST(SparsifyTest, WhatHasNoEntryToStoreIsInCompressedRowsToo) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(this->context(), {.states = 1, .inputs = 4, .outputs = 2},
                               {.well_posedness = WellPosedness::strictly_upper_triangular()}, 3);
  const auto sparse =
      sparsify(this->context(), model, {.target = SparsifyTarget::state_matrix, .density = 0.5});
  EXPECT_TRUE(sparse.is_sparse("A"));
  EXPECT_FALSE(sparse.is_sparse("B"));
}

TYPED_TEST(SparsifyTest, DensityNoneKeepsNothingAndDensityOneAll) {
  const auto none = sparsify(this->context(), this->model(), {.density = 0});
  EXPECT_EQ(none.M().rows, 0);
  const auto U = this->matrix(7, 2, std::vector<double>(14, 1.0));
  const auto prediction = none.predict(this->context(), U);
  EXPECT_TRUE(prediction.report.all_converged());
  for (const double value : this->fetch_double(prediction.Y.view())) EXPECT_EQ(value, 0.0);
  const auto all = sparsify(this->context(), this->model(), {.density = 1});
  EXPECT_EQ(all.M().rows, 15 * 19);
}

TYPED_TEST(SparsifyTest, RefusesNumbersOutOfRangeAndEntriesThatAreNotFinite) {
  using T = typename TypeParam::Scalar;
  const auto refusal = [&](const SparsifyOptions& options) {
    return text_of<InvalidArgument>(
        [&] { static_cast<void>(sparsify(this->context(), this->model(), options)); });
  };
  EXPECT_TRUE(holds(refusal({.density = 1.5}), {"density", "1.5"}));
  EXPECT_TRUE(holds(refusal({.density = std::nan("")}), {"density", "nan"}));
  EXPECT_TRUE(holds(refusal({.threshold = -1}), {"threshold", "-1"}));
  ImplicitModel<T> spoiled = this->model();
  std::vector<T> M = download(this->context(), spoiled.M());
  M[static_cast<std::size_t>(spoiled.M().rows) * 14] = std::numeric_limits<T>::quiet_NaN();
  upload<T>(this->context(), M, spoiled.M());
  EXPECT_TRUE(holds(text_of<NotFinite>([&] {
                      static_cast<void>(sparsify(this->context(), spoiled, SparsifyOptions{}));
                    }),
                    {"B", "not finite"}));
}

TYPED_TEST(SparsifyTest, CompactDropsStoredZerosAlone) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> sparse = sparsify(this->context(), this->model(), {.density = 0.5});
  std::vector<T> M = download(this->context(), sparse.M());
  M[0] = M[5] = M.back() = T(0);
  upload<T>(this->context(), M, sparse.M());
  const auto smaller = compact(this->context(), sparse);
  std::vector<T> expected = M;
  std::erase(expected, T(0));
  EXPECT_EQ(smaller.M().rows, sparse.M().rows - 3);
  EXPECT_EQ(download(this->context(), smaller.M()), expected);
}

TYPED_TEST(SparsifyTest, PruningKeepsTheMomentsOfWhatIsLeft) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model = this->model();
  Optimizer<T> optimizer(this->context(), model, {.learning_rate = 1e-3});
  RandomValues random(9);
  const auto gradient = random.uniforms(15 * 19, -1, 1);
  optimizer.step(this->context(), model, this->matrix(15, 19, gradient));
  const auto M = this->fetch_double(std::as_const(model).M());
  const auto first = this->fetch_double(optimizer.first_moment());
  prune(this->context(), model, optimizer, SparsifyTarget::all_matrices, 0.4);
  EXPECT_EQ(optimizer.steps(), 1);
  const auto values = this->fetch_double(std::as_const(model).M());
  const auto moments = this->fetch_double(optimizer.first_moment());
  ASSERT_EQ(values.size(), moments.size());
  for (std::size_t k = 0; k < values.size(); ++k) {
    const auto at = static_cast<std::size_t>(std::ranges::find(M, values[k]) - M.begin());
    ASSERT_LT(at, M.size());
    EXPECT_EQ(moments[k], first[at]);
  }
}

TEST(GradualDensity, FallsByACubeFromOneToTheLast) {
  EXPECT_EQ(gradual_density(0.2, 0, 100), 1.0);
  EXPECT_DOUBLE_EQ(gradual_density(0.2, 50, 100), 0.2 + 0.8 / 8);
  EXPECT_EQ(gradual_density(0.2, 100, 100), 0.2);
  EXPECT_EQ(gradual_density(0.2, 0, 0), 0.2);
}

TEST(GradualDensity, EntriesAreChosenEachIntervalAndOnceAtTheEnd) {
  const PruningOptions options = {.density = 0.5, .epochs = 1, .interval = 30};
  std::vector<std::int64_t> chosen;
  for (std::int64_t step = 0; step < 300; ++step)
    if (prunes_at(options, step, 100)) chosen.push_back(step);
  EXPECT_EQ(chosen, (std::vector<std::int64_t>{30, 60, 90, 100}));
  EXPECT_TRUE(prunes_at(options, 0, 0));
  EXPECT_FALSE(prunes_at({.density = 1}, 0, 0));
}

}  // namespace
}  // namespace idl::test
