// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class StoreValuesTest : public KernelTest<C> {};
TYPED_TEST_SUITE(StoreValuesTest, AllCases, CaseNames);

TYPED_TEST(StoreValuesTest, StoresAsManyAsThereIsRoomForAndNoMore) {
  using T = typename TypeParam::Scalar;
  for (index_t room = 0; room <= 4; ++room) {
    const auto whole = this->reals(6, 7.0);
    this->run(StoreValues<T>{.to = whole.range(1, room), .values = {T(1.5), T(-2), T(3), T(4)}});
    const double values[] = {1.5, -2, 3, 4};
    const auto stored = this->fetch_reals(whole);
    for (std::size_t k = 0; k < 6; ++k) {
      const bool written = k >= 1 && k <= static_cast<std::size_t>(room);
      EXPECT_EQ(stored[k], written ? values[k - 1] : 7.0);
    }
  }
}

TYPED_TEST(StoreValuesTest, MoreRoomThanValuesIsRefused) {
  using T = typename TypeParam::Scalar;
  EXPECT_TRUE(
      holds(this->refusal_of(StoreValues<T>{.to = this->reals(5)}), {"StoreValues", "5", "4"}));
}

}  // namespace
}  // namespace idl::test
