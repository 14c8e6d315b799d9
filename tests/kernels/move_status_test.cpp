// SPDX-License-Identifier: MIT
#include <numeric>

#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class MoveStatusTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;

  std::vector<std::int32_t> running(const std::vector<std::uint8_t>& status, index_t room) {
    const auto indices =
        this->vector(std::vector<std::int32_t>(static_cast<std::size_t>(room), 77));
    this->run(ListRunning{.status = this->vector(status), .indices = indices});
    return this->fetch_vector(indices);
  }

  /// The entries of columns 0, 1, … are base, base + 1, …, those of their norms a quarter more.
  ColumnEntries<Element> entries(index_t count, std::int32_t base) {
    std::vector<std::int32_t> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), base);
    const std::vector<double> reals(numbers.begin(), numbers.end());
    std::vector<double> more = reals;
    for (double& value : more) value += 0.25;
    return {.columns = {.status = this->vector(std::vector<std::uint8_t>(numbers.size(), 2)),
                        .iterations = this->vector(numbers),
                        .best_steps = this->reals(reals),
                        .stalled = this->vector(numbers),
                        .active = {}},
            .step_norms = this->reals(more),
            .state_norms = this->reals(reals)};
  }
};
TYPED_TEST_SUITE(MoveStatusTest, AllCases, CaseNames);

TYPED_TEST(MoveStatusTest, ListsTheRunningColumnsInOrder) {
  EXPECT_EQ(this->running({0, 1, 0, 4, 0, 2}, 3), (std::vector<std::int32_t>{0, 2, 4}));
  EXPECT_EQ(this->running({1, 1, 0, 4}, 3), (std::vector<std::int32_t>{2, -1, -1}));
  EXPECT_EQ(this->running({1, 3}, 2), (std::vector<std::int32_t>{-1, -1}));
  EXPECT_EQ(this->running({}, 1), std::vector<std::int32_t>{-1});
  EXPECT_EQ(this->running({0, 0}, 0), std::vector<std::int32_t>{});
}

TYPED_TEST(MoveStatusTest, ListsNoneWhereThereIsNoRoomForAll) {
  EXPECT_EQ(this->running({0, 1, 0, 0}, 2), (std::vector<std::int32_t>{-1, -1}));
}

TYPED_TEST(MoveStatusTest, ListsManyColumns) {
  std::vector<std::uint8_t> status(2500);  // more than two rounds of a block
  std::vector<std::int32_t> expected;
  for (std::size_t j = 0; j < status.size(); ++j) {
    status[j] = j % 7 == 3 || j % 11 == 0 ? 0 : 1;
    if (status[j] == 0) expected.push_back(static_cast<std::int32_t>(j));
  }
  const auto room = static_cast<index_t>(expected.size());
  EXPECT_EQ(this->running(status, room), expected);
  EXPECT_EQ(this->running(status, room - 1),
            std::vector<std::int32_t>(static_cast<std::size_t>(room - 1), -1));
}

TYPED_TEST(MoveStatusTest, MovesTheEntriesOfTheListedColumnsThereAndBack) {
  const auto whole = this->entries(5, 10);
  const auto part = this->entries(3, 50);
  const auto indices = this->vector(std::vector<std::int32_t>{4, 1, -1});
  this->run(MoveStatus<typename TypeParam::Scalar>{whole, part, indices});
  EXPECT_EQ(this->fetch_vector(part.columns.iterations), (std::vector<std::int32_t>{14, 11, 52}));
  EXPECT_EQ(this->fetch_vector(part.columns.stalled), (std::vector<std::int32_t>{14, 11, 52}));
  EXPECT_EQ(this->fetch_reals(part.columns.best_steps), (std::vector<double>{14, 11, 52}));
  EXPECT_EQ(this->fetch_reals(part.step_norms), (std::vector<double>{14.25, 11.25, 52.25}));
  EXPECT_EQ(this->fetch_reals(part.state_norms), (std::vector<double>{14, 11, 52}));
  EXPECT_EQ(this->fetch_vector(part.columns.status), (std::vector<std::uint8_t>{2, 2, 1}));

  const auto other = this->entries(3, 70);
  this->run(MoveStatus<typename TypeParam::Scalar>{whole, other, indices, true});
  EXPECT_EQ(this->fetch_vector(whole.columns.iterations),
            (std::vector<std::int32_t>{10, 71, 12, 13, 70}));
  EXPECT_EQ(this->fetch_reals(whole.step_norms),
            (std::vector<double>{10.25, 71.25, 12.25, 13.25, 70.25}));
  EXPECT_EQ(this->fetch_vector(other.columns.status), (std::vector<std::uint8_t>{2, 2, 2}));
}

TYPED_TEST(MoveStatusTest, WrongShapesAreRefusedWithBothSizes) {
  using T = typename TypeParam::Scalar;
  const auto indices = this->vector(std::vector<std::int32_t>{0, 1});
  EXPECT_TRUE(
      holds(this->refusal_of(MoveStatus<T>{this->entries(5, 0), this->entries(3, 0), indices}),
            {"MoveStatus", "3", "2"}));
}

}  // namespace
}  // namespace idl::test
