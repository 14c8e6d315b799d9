// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "idl/error.hpp"
#include "idl/sparsify.hpp"
#include "tests/host/device_test.hpp"

namespace idl::test {
namespace {

constexpr ModelShape k_shape{.states = 33, .inputs = 5, .outputs = 3};

template <class C>
class LowRankSizes : public DeviceTest<C> {};
TYPED_TEST_SUITE(LowRankSizes, AllCases, CaseNames);

TYPED_TEST(LowRankSizes, OfSizesForWhichThereIsNoRoomIsRefusedBeforeAnythingIsFilled) {
  using T = typename TypeParam::Scalar;
  constexpr index_t k_most = index_t{1} << 40U;  // what a size may be
  const auto make = [&](const ModelShape& shape, index_t rank) {
    ImplicitModel<T>(this->context(), shape, {.rank = rank});
  };
  EXPECT_THROW(make(k_shape, k_most), OutOfMemory);
  EXPECT_THROW(make({k_most, 1, 1}, 1), OutOfMemory);
  // 2⁸⁰ entries of L, of B and of D, which 64 bits do not count.
  const auto not_counted = [&](const ModelShape& shape, index_t rank) {
    return holds(text_of<InvalidArgument>([&] { make(shape, rank); }),
                 {"1099511627776x1099511627776 cannot be addressed"});
  };
  EXPECT_TRUE(not_counted({k_most, 1, 1}, k_most));
  EXPECT_TRUE(not_counted({k_most, k_most, 1}, 0));
  EXPECT_TRUE(not_counted({1, k_most, k_most}, 0));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { make(k_shape, k_most + 1); }),
                    {"rank is 1099511627777"}));
  const ImplicitModel<T> dense(this->context(), k_shape);
  EXPECT_THROW(low_rank_approximation(this->context(), dense, k_most), OutOfMemory);
}

}  // namespace
}  // namespace idl::test
