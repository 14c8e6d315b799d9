// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class GatherElementsTest : public KernelTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  GatherElements<Element> gather(VectorView<Element> from, VectorView<std::int64_t> indices,
                                 VectorView<Element> to) {
    return {.from = {from.data, from.size, from.device},
            .indices = {indices.data, indices.size, indices.device},
            .to = to};
  }
};
TYPED_TEST_SUITE(GatherElementsTest, AllCases, CaseNames);

TYPED_TEST(GatherElementsTest, TakesEachElementFromWhereItsIndexPoints) {
  for (const index_t size : {0, 1, 31, 33, 257, 10000}) {
    const auto from = this->random_.uniforms(size + 1, -1, 1);
    std::vector<std::int64_t> indices;
    for (index_t k = 0; k < size; ++k)
      indices.push_back(this->random_.integer(0, static_cast<int>(size)));
    const auto to = this->reals(size, -7);
    this->run(this->gather(this->reals(from), this->vector(indices), to));
    const auto rounded = this->rounded(from);
    const auto values = this->fetch_reals(to);
    for (std::size_t k = 0; k < indices.size(); ++k)
      ASSERT_EQ(values[k], rounded[static_cast<std::size_t>(indices[k])]) << size << ", " << k;
  }
}

TYPED_TEST(GatherElementsTest, KeepsNanAndTheSignOfZero) {
  const auto to = this->reals(3);
  this->run(this->gather(this->reals({k_nan, -0.0, 2}),
                         this->vector(std::vector<std::int64_t>{1, 0, 2}), to));
  const auto values = this->fetch_reals(to);
  EXPECT_TRUE(std::signbit(values[0]));
  EXPECT_TRUE(std::isnan(values[1]));
  EXPECT_EQ(values[2], 2.0);
}

TYPED_TEST(GatherElementsTest, RefusesOtherSizesAndMemoryThatOverlaps) {
  const auto from = this->reals(3);
  const auto two = this->vector(std::vector<std::int64_t>{0, 1});
  EXPECT_TRUE(holds(this->refusal_of(this->gather(from, two, this->reals(3))),
                    {"GatherElements", "3", "2"}));
  EXPECT_TRUE(holds(this->refusal_of(this->gather(from, two, {from.data, 2, from.device})),
                    {"from", "to"}));
}

}  // namespace
}  // namespace idl::test
